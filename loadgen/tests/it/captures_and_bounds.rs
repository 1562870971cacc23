//! Requests with missing captures, scripts that time out, and headers that can't be sent.

use crate::support;

use std::path::Path;

use http::header::{CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use support::shop::Shop;
use tenfold_loadgen::{JourneyResult, Journeys, Options, Visitor, journey, run_with};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::counts::{CheckCounts, Counts};
use tenfold_scenarios::Scenario;

const OPEN: &str = r#"
version = 1
name = "open"
[load]
arrivals = "even"
users = 20
[[phases]]
name = "steady"
kind = "constant"
rate = "20/s"
duration = "1s"
"#;

const CLOSED: &str = r#"
version = 1
name = "closed"
[load]
model = "closed"
users = 1
hatch = "100/s"
[[phases]]
name = "all"
kind = "users"
duration = "300ms"
"#;

#[test]
fn missing_capture_fails_request() {
    let shop = Shop::start();
    let scenario = format!(
        r#"{OPEN}
[[requests]]
name = "items"
kind = "read"
path = "/items?page=1"
[requests.capture]
nothing = "json:/nothing"
next = "json:/next"
perhaps = {{ from = "header:x-perhaps", optional = true }}
"#
    );
    let ran = support::run(&scenario, shop.address, |_| ());
    let total = ran.total();
    assert_eq!(total.failures, [("missing_capture".to_owned(), 20)].into());
    let counts = |passed, failed| CheckCounts { passed, failed };
    assert_eq!(
        total.checks,
        [
            ("capture next".to_owned(), counts(20, 0)),
            ("capture nothing".to_owned(), counts(0, 20)),
        ]
        .into()
    );
    assert_eq!(ran.samples.len(), 3);
    let sample = &ran.samples[0];
    assert_eq!(
        (sample.failure.as_str(), sample.check.as_deref()),
        ("missing_capture", Some("capture nothing"))
    );
    assert_eq!(
        sample.reason,
        "the answer has no JSON value at \"/nothing\""
    );
}

#[test]
fn missing_capture_clears_variable() {
    let shop = Shop::start();
    let scenario = format!(
        r#"{CLOSED}
[[journeys]]
name = "j"
steps = ["log in", {{ while = 'token != ""', most = 5, steps = ["items"] }}, "order"]
[[requests]]
name = "log in"
kind = "write"
method = "POST"
path = "/login"
body = '{{"name":"ann"}}'
capture = {{ token = "json:/token" }}
[[requests]]
name = "items"
kind = "read"
path = "/items"
capture = {{ token = {{ from = "json:/token", optional = true }}, next = "json:/next" }}
[[requests]]
name = "order"
kind = "write"
method = "POST"
path = "/orders"
headers = {{ authorization = "Bearer {{token}}" }}
"#
    );
    let ran = support::run(&scenario, shop.address, |_| ());
    let journeys = &ran.recording.counts.journeys[0];
    assert_eq!(journeys.cut_off, 0, "{journeys:?}");
    assert!(journeys.completed > 0, "{journeys:?}");
    let [_, items, order] = &ran.recording.counts.phases[0][..] else {
        panic!("the scenario has three requests");
    };
    assert_eq!((items.failed, items.completed), (0, items.sent));
    // One iteration of the loop for each order, which then lacks its token.
    assert!(items.sent <= order.sent + 1, "{items:?} {order:?}");
    assert_eq!(
        order.failures,
        [("missing_variable".to_owned(), order.sent)].into()
    );
    assert_eq!(shop.count("POST /orders"), 0);
}

#[test]
fn slow_script_fails_request() {
    let shop = Shop::start();
    let scenario = format!(
        r#"{OPEN}
[[requests]]
name = "items"
kind = "read"
path = "/items?page=1"
script = '''
fn after(response, vars) {{
    let text = "";
    text.pad(60000, 'a');
    loop {{ let upper = text.to_upper(); }}
}}
'''
"#
    );
    let ran = support::run(&scenario, shop.address, |_| ());
    let total = ran.total();
    assert_eq!(total.failures, [("script_timeout".to_owned(), 20)].into());
    assert_eq!(
        ran.samples[0].reason,
        "`after`: it took more than 10ms of CPU time"
    );
}

async fn control(user: &mut Visitor<'_>) -> JourneyResult {
    let name = HeaderName::from_static("x-name");
    user.request("items").header(name, "a\nb").await?;
    Ok(())
}

async fn framing(user: &mut Visitor<'_>) -> JourneyResult {
    let chunked = user.request("items").header(TRANSFER_ENCODING, "chunked");
    chunked.header(CONTENT_LENGTH, "9").await?;
    Ok(())
}

/// The counts of a run with a journey in code that requests items.
fn counts_of(journeys: Journeys, shop: &Shop) -> Counts {
    let text = format!(
        r#"{CLOSED}
[[journeys]]
name = "order"
pace = "20ms"
in_code = true
[[requests]]
name = "items"
kind = "read"
path = "/items"
"#
    );
    let directory = tempfile::tempdir().expect("the directory is created");
    let run_dir =
        RunDir::create(&directory.path().join("run")).expect("the run directory is created");
    let (_sender, interrupt) = tokio::sync::watch::channel(false);
    let options = Options {
        share: tenfold_scenarios::Share::WHOLE,
        scenario: Scenario::parse(&text, Path::new("x.toml")).expect("the scenario is valid"),
        target: format!("http://{}", shop.address)
            .parse()
            .expect("the target is valid"),
        candidate: None,
        sessions: tenfold_loadgen::KnownSessions::default(),
        run_dir: &run_dir,
        interrupt,
        feed: None,
        on_ready: Box::new(|| ()),
        start: tenfold_loadgen::Start::Soon,
        on_start: Box::new(|_| ()),
        on_progress: Box::new(|_| ()),
    };
    run_with(options, journeys)
        .expect("the journey runs")
        .counts
}

#[test]
fn journey_in_code_rejects_unsendable_headers() {
    let shop = Shop::start();
    for (function, expected) in [
        (
            journey!(control),
            "the value of header `x-name` contains a control character",
        ),
        (
            journey!(framing),
            "header `transfer-encoding` can't be set by a journey",
        ),
    ] {
        let counts = counts_of(Journeys::default().register("order", function), &shop);
        let journeys = &counts.journeys[0];
        assert!(
            journeys.cut_off > 0 && journeys.completed == 0,
            "{journeys:?}"
        );
        let reason = journeys.cut_off_because.as_deref().unwrap_or_default();
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!(shop.count("GET"), 0);
}
