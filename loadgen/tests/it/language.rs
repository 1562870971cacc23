//! Journeys, checks, scripts, data and journeys in code, against an HTTP server.

use crate::support;

#[path = "../../examples/shop/main.rs"]
mod shop_example;

use std::path::Path;

use support::raw::{AfterAnswer, RawServer};
use support::shop::Shop;
use tenfold_loadgen::{AuthScheme, Credentials, DialOptions, Target};
use tenfold_run_dir::counts::{CheckCounts, RequestCounts};
use tenfold_scenarios::Scenario;

fn example(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scenarios/examples")
        .join(name);
    Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// The counts of one request in all phases.
fn counts(ran: &support::FinishedRun, request: usize) -> RequestCounts {
    let mut sum = RequestCounts::default();
    for phase in &ran.recording.counts.phases {
        sum.add(&phase[request]);
    }
    sum
}

#[test]
fn toml_journey_reads_all_pages_and_orders() {
    let shop = Shop::start();
    let ran = support::run_scenario(example("journey.toml"), shop.address, |_| ());
    let total = ran.total();
    assert_eq!((total.failed, total.in_flight), (0, 0), "{total:?}");
    let journeys = &ran.recording.counts.journeys[0];
    assert!(journeys.completed >= 5, "{journeys:?}");
    assert_eq!(
        journeys.begun,
        journeys.completed + journeys.unfinished,
        "{journeys:?}"
    );
    let [log_in, turn_page, order] = [0, 1, 2].map(|request| counts(&ran, request));
    assert_eq!(order.completed, journeys.completed);
    assert!(turn_page.completed >= 3 * journeys.completed);
    let every = |counts: &RequestCounts| CheckCounts {
        passed: counts.completed,
        failed: 0,
    };
    assert_eq!(turn_page.checks["has items"], every(&turn_page));
    assert_eq!(log_in.checks["json /name exists"], every(&log_in));
    assert!(ran.samples.is_empty());
    // The last page ends the loop.
    assert_eq!(shop.count("GET /items?page=4"), 0);
    // A user's journeys begin at least 200 ms apart: five users can't begin more in two seconds.
    assert!(journeys.begun <= 5 * 11, "{journeys:?}");
}

#[test]
fn script_chooses_next_step_of_journey() {
    let shop = Shop::start();
    let ran = support::run_scenario(example("script.toml"), shop.address, |_| ());
    let total = ran.total();
    assert_eq!(total.failed, 0, "{total:?} {:?}", ran.samples);
    let journeys = &ran.recording.counts.journeys[0];
    assert!(journeys.completed > 5, "{journeys:?}");
    let turn_page = counts(&ran, 0);
    assert_eq!(turn_page.checks["has items"].passed, turn_page.completed);
    assert!(shop.count("GET /items?page=3") >= journeys.completed);
    assert_eq!(shop.count("GET /items?page=4"), 0);
    assert_eq!(counts(&ran, 1).completed, journeys.completed);
}

#[test]
fn rust_journey_is_recorded_like_others() {
    let shop = Shop::start();
    let directory = tempfile::tempdir().unwrap();
    let run = directory.path().join("run");
    let recording = shop_example::shop(&format!("http://{}", shop.address), &run).unwrap();
    let journeys = &recording.counts.journeys[0];
    assert!(journeys.completed >= 5, "{journeys:?}");
    let [log_in, get, order] = [0, 1, 2].map(|request| &recording.counts.phases[0][request]);
    assert_eq!(log_in.failed + get.failed + order.failed, 0);
    assert_eq!(order.completed, journeys.completed);
    let durations = recording.counts.durations.as_ref().unwrap();
    assert_eq!(durations.journeys.count(), journeys.completed);
    assert_eq!(get.checks["has items"].passed, get.completed);
    assert_eq!(shop.count("POST /orders"), order.sent);
    assert_eq!(
        shop.count("POST") + shop.count("GET"),
        log_in.sent + get.sent + order.sent
    );
    let text = std::fs::read_to_string(run.join("intervals.hlog")).unwrap();
    assert!(!text.is_empty(), "latencies are written");
}

#[test]
fn rejects_unregistered_journey_in_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop/shop.toml");
    let directory = tempfile::tempdir().unwrap();
    let run_dir = tenfold_run_dir::RunDir::create(&directory.path().join("run")).unwrap();
    let (_sender, interrupt) = tokio::sync::watch::channel(false);
    let result = tenfold_loadgen::run(tenfold_loadgen::Options {
        scenario: Scenario::read(&path).unwrap(),
        share: tenfold_scenarios::Share::WHOLE,
        target: "http://127.0.0.1:1".parse().unwrap(),
        candidate: None,
        sessions: tenfold_loadgen::KnownSessions::default(),
        run_dir: &run_dir,
        interrupt,
        feed: None,
        on_ready: Box::new(|| ()),
        start: tenfold_loadgen::Start::Soon,
        on_start: Box::new(|_| ()),
        on_progress: Box::new(|_| ()),
    });
    let message = result.err().unwrap().to_string();
    assert!(
        message.starts_with("could not run the journey \"order\""),
        "{message}"
    );
}

const OPEN: &str = r#"
version = 1
name = "open"
seed = 3
[load]
arrivals = "even"
users = 50
[[phases]]
name = "steady"
kind = "constant"
rate = "50/s"
duration = "1s"
"#;

#[test]
fn open_model_arrivals_take_journeys() {
    let shop = Shop::start();
    let scenario = format!(
        r#"{OPEN}
[[journeys]]
name = "browse"
think = "20ms"
steps = ["items", {{ repeat = 2, steps = ["more"] }}]
[[requests]]
name = "items"
kind = "read"
path = "/items?page=1"
[[requests]]
name = "more"
kind = "read"
path = "/items?page=2"
"#
    );
    let ran = support::run(&scenario, shop.address, |_| ());
    let total = ran.total();
    assert_eq!((total.failed, total.dropped), (0, 0), "{total:?}");
    let journeys = &ran.recording.counts.journeys[0];
    assert_eq!(journeys.begun, 50);
    assert_eq!(counts(&ran, 0).completed, 50);
    // The end of the phase cuts off the last few.
    assert!(journeys.completed >= 30, "{journeys:?}");
    assert_eq!(journeys.completed + journeys.unfinished, 50);
    let durations = ran.recording.counts.durations.as_ref().unwrap();
    let took = durations.journeys.summary();
    assert_eq!(took.count, journeys.completed);
    assert!(
        took.p50 >= 40_000_000,
        "each journey thinks twice: {took:?}"
    );
    assert!(counts(&ran, 1).completed >= 2 * journeys.completed);
    assert_eq!(shop.count("GET"), total.sent);
}

#[test]
fn failed_check_counts_and_masks_samples() {
    let shop = Shop::start();
    let scenario = format!(
        r#"{OPEN}
[[requests]]
name = "log in"
kind = "write"
method = "POST"
path = "/login"
headers = {{ authorization = "Bearer the-credential" }}
body = '{{"name":"ann-the-secret"}}'
expect = [201]
capture = {{ user_name = "json:/name" }}
checks = [
  {{ name = "is bob", json = "/name", equals = "bob" }},
  {{ json = "/token", exists = true }},
  {{ sha256 = "{}" }},
]
"#,
        "00".repeat(32)
    );
    let ran = support::run(&scenario, shop.address, |_| ());
    let total = ran.total();
    assert_eq!(total.failures, [("failed_check".to_owned(), 50)].into());
    assert_eq!((total.statuses[&201], total.completed), (50, 0));
    let counts = counts(&ran, 0);
    assert_eq!(
        counts.checks["is bob"],
        CheckCounts {
            passed: 0,
            failed: 50
        }
    );
    assert_eq!(
        counts.checks["json /token exists"],
        CheckCounts {
            passed: 50,
            failed: 0
        }
    );
    assert_eq!(counts.checks["body's sha256 00000000..."].failed, 50);
    // Three of each kind.
    assert_eq!(ran.samples.len(), 6, "{:?}", ran.samples);
    let sample = &ran.samples[0];
    assert_eq!(
        (sample.status, sample.check.as_deref()),
        (Some(201), Some("is bob"))
    );
    assert_eq!(sample.reason, "the JSON value at \"/name\" is \"***\"");
    assert_eq!(sample.body, r#"{"token":"***","name":"***"}"#);
    assert!(
        sample
            .headers
            .contains(&("set-cookie".to_owned(), "sid=***; HttpOnly".to_owned()))
    );
    let all = format!("{:?}", ran.samples);
    for secret in ["ann-the-secret", "token-of", "the-credential"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn unexpected_status_leaves_samples() {
    let server = RawServer::always(
        b"HTTP/1.1 500 Oops\r\ncontent-length: 12\r\nx-why: disk\r\n\r\nout of space",
        AfterAnswer::KeepAlive,
    );
    let scenario = format!("{OPEN}[[requests]]\nname = \"get\"\nkind = \"read\"\npath = \"/\"\n");
    let ran = support::run(&scenario, server.address, |_| ());
    assert_eq!(
        ran.total().failures,
        [("unexpected_status".to_owned(), 50)].into()
    );
    assert_eq!(ran.samples.len(), 3);
    let sample = &ran.samples[0];
    assert_eq!(
        (sample.status, sample.body.as_str()),
        (Some(500), "out of space")
    );
    assert!(
        sample
            .headers
            .contains(&("x-why".to_owned(), "disk".to_owned()))
    );
}

#[test]
fn samples_mask_credentials_and_data_cells() {
    // An answer that echoes credentials and data, in several encodings.
    let echo = "SEC.B1-x, SEC:P1, U0VDOlAx, ann:SECC2, SECC3";
    let answer = format!(
        "HTTP/1.1 500 Oops\r\ncontent-length: {}\r\nx-echo: {echo}\r\n\r\n{echo}",
        echo.len()
    );
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("people.csv"),
        "name,word,extra\nann,SECC2,SECC3\n",
    )
    .unwrap();
    let file = directory.path().join("open.toml");
    let scenario = format!(
        "{OPEN}[data.people]\nfile = \"people.csv\"\n[[requests]]\nname = \"get\"\nkind = \"write\"\n\
         method = \"POST\"\npath = \"/?a={{people.word}}\"\nbody = \"{{people.extra}}\"\n"
    );
    std::fs::write(&file, scenario).unwrap();
    for (scheme, secret) in [
        (AuthScheme::Bearer, "SEC.B1-x"),
        (AuthScheme::Basic, "ann:SEC:P1"),
    ] {
        let server = RawServer::always(answer.as_bytes(), AfterAnswer::KeepAlive);
        let target: Target = format!("http://{}", server.address).parse().unwrap();
        let options = DialOptions {
            credentials: Some(Credentials::new(scheme, secret, "a test").unwrap()),
            ..DialOptions::default()
        };
        let target = target.with(options).unwrap();
        let ran = support::try_run(Scenario::read(&file).unwrap(), target, |_| ()).unwrap();
        assert_eq!(ran.samples.len(), 3);
        let expected = match scheme {
            AuthScheme::Bearer => "***, SEC:P1, U0VDOlAx, ann:***, ***",
            AuthScheme::Basic => "SEC.B1-x, ***, U0VDOlAx, ann:***, ***",
        };
        for sample in &ran.samples {
            assert_eq!(sample.body, expected);
            assert!(
                sample
                    .headers
                    .contains(&("x-echo".to_owned(), expected.to_owned()))
            );
        }
    }
}

#[test]
fn endless_loop_is_cut_off_with_reason() {
    let shop = Shop::start();
    let scenario = r#"
version = 1
name = "loop"
[load]
model = "closed"
users = 1
hatch = "100/s"
[[phases]]
name = "all"
kind = "users"
duration = "500ms"
[[journeys]]
name = "round"
steps = ["items", { while = "status == 200", most = 3, steps = ["items"] }]
[[requests]]
name = "items"
kind = "read"
path = "/items"
"#;
    let ran = support::run(scenario, shop.address, |_| ());
    let journeys = &ran.recording.counts.journeys[0];
    assert!(journeys.cut_off >= 1, "{journeys:?}");
    let reason = journeys.cut_off_because.clone().unwrap();
    assert!(reason.contains("held for 3 turns"), "{reason}");
}
