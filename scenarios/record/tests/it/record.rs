//! Trace and model of a real log.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenfold_record::{AccessLog, ReadOptions};
use tenfold_record::{Fit, ModelOptions, RecordError, TraceOptions, TraceScenario, model, trace};
use tenfold_scenarios::{Kind, Overrides, Rate, Rendered, Scenario};

fn real() -> AccessLog {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/apache_access.log.gz");
    AccessLog::read(&path, &ReadOptions::default()).unwrap()
}

fn log(lines: &[&str]) -> AccessLog {
    AccessLog::read_from(
        lines.join("\n").as_bytes(),
        "test.log",
        &ReadOptions::default(),
    )
    .unwrap()
}

fn jsonl(trace: &TraceScenario<'_>) -> String {
    let mut text = Vec::new();
    trace.write_trace(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Writes a trace like the command, and reads the scenario back.
fn read_back(trace: &TraceScenario<'_>, options: &TraceOptions, folder: &Path) -> Scenario {
    std::fs::write(folder.join(&options.file), jsonl(trace)).unwrap();
    let path: PathBuf = folder.join("recorded.toml");
    std::fs::write(&path, &trace.toml).unwrap();
    Scenario::read(&path).unwrap_or_else(|error| panic!("{error}\n{}", trace.toml))
}

#[test]
fn trace_replays_the_real_log() {
    let (log, folder) = (real(), tempfile::tempdir().unwrap());
    let options = TraceOptions {
        speed: 10_000.0,
        ..TraceOptions::default()
    };
    let trace = trace(&log, &options).unwrap();
    assert_eq!((trace.requests, trace.without_request), (10_000, 0));
    let scenario = read_back(&trace, &options, folder.path());
    assert!(scenario.duration().abs_diff(trace.duration) < Duration::from_millis(1));
    assert_eq!(scenario.schedule().count(), 10_000);

    // The same methods and targets, in the same order, at their times.
    let variables = scenario.variables();
    let mut rendered = Rendered::default();
    let first_us = log.records().next().unwrap().at_us;
    for (arrival, record) in scenario.schedule().zip(log.records()) {
        let request = &scenario.requests[arrival.draw.request];
        let recorded = record.request.unwrap();
        request
            .render(&arrival.draw, &variables, &mut rendered)
            .unwrap();
        assert_eq!(request.method.as_str(), recorded.method);
        if !recorded
            .target
            .contains(['|', '{', '^', '<', '>', '`', '}', '#'])
        {
            assert_eq!(rendered.path, recorded.target);
        }
        let at = Duration::from_micros((record.at_us - first_us) as u64).as_secs_f64();
        let late = arrival.intended.as_secs_f64() * 10_000.0 - at;
        assert!((-1e-3..1.0).contains(&late), "{late}");
        assert!(request.expect.accepts(404) && !request.expect.accepts(500));
    }
    insta::assert_snapshot!(trace.toml);
}

#[test]
fn spreads_requests_over_their_second() {
    let line = |second: u32, target: &str| {
        format!("h - - [17/May/2015:10:05:{second:02} +0000] \"GET {target} HTTP/1.1\" 200 1")
    };
    let lines = [
        line(3, "/a"),
        line(3, "/b"),
        line(3, "/c"),
        line(5, "/d"),
        line(5, "/e"),
    ];
    let log = log(&lines.each_ref().map(String::as_str));
    let trace = trace(&log, &TraceOptions::default()).unwrap();
    insta::assert_snapshot!(jsonl(&trace), @r#"
    {"at_ms":0,"request":"GET","target":"/a"}
    {"at_ms":333.333,"request":"GET","target":"/b"}
    {"at_ms":666.666,"request":"GET","target":"/c"}
    {"at_ms":2000,"request":"GET","target":"/d"}
    {"at_ms":2500,"request":"GET","target":"/e"}
    "#);
}

#[test]
fn trace_reports_lines_that_are_not_sent() {
    let log = log(&[
        r#"h - - [17/May/2015:10:05:03 +0000] "-" 408 -"#,
        r#"h - - [17/May/2015:10:05:03 +0000] "CONNECT a.example:443 HTTP/1.1" 405 -"#,
        r#"h - - [17/May/2015:10:05:03 +0000] "GET nonsense HTTP/1.1" 400 -"#,
        r#"h - - [17/May/2015:10:05:04 +0000] "OPTIONS * HTTP/1.1" 200 -"#,
        r#"h - - [17/May/2015:10:05:05 +0000] "POST /x HTTP/1.1" 200 -"#,
        r#"h - - [17/May/2015:10:05:05 +0000] "GET /live HTTP/1.1" 101 -"#,
        r#"h - - [17/May/2015:10:05:05 +0000] "\x16\x03\x01" 400 -"#,
        "broken",
    ]);
    let folder = tempfile::tempdir().unwrap();
    let options = TraceOptions::default();
    let trace = trace(&log, &options).unwrap();
    assert_eq!((trace.requests, trace.without_request), (1, 6));
    let scenario = read_back(&trace, &options, folder.path());
    assert_eq!(scenario.schedule().count(), 1);
    let comments: Vec<&str> = trace
        .toml
        .lines()
        .filter(|line| line.contains("Left out") || line.contains("no bodies"))
        .collect();
    insta::assert_snapshot!(comments.join("\n"), @r"
    # Left out: 1 lines that could not be read.
    # Left out: 1 lines that have no request to send: the connection ended before one.
    # Left out: 1 lines that have no request to send: not HTTP, such as TLS or RTSP.
    # Left out: 1 lines that have no request to send: CONNECT, which only a proxy accepts.
    # Left out: 1 lines that have no request to send: OPTIONS *, which has no path.
    # Left out: 1 lines that have no request to send: a switch to WebSocket or another protocol.
    # Left out: 1 lines that have no request to send: a target that is not a path.
    # A log contains no bodies, so this is sent without one. Add a `body` and `headers` if the target
    ");
    let fitted = model(&log, &ModelOptions::default()).unwrap();
    assert_eq!((fitted.fit.mix.total(), fitted.fit.mix.writes), (1, 1));
    let shown = fitted.fit.to_string();
    assert!(
        shown.contains("left out: 1 that have no request to send: CONNECT"),
        "{shown}"
    );
    assert!(
        fitted.toml.contains("left out: 1 that could not be read"),
        "{}",
        fitted.toml
    );
}

#[test]
fn rejects_traces_that_are_too_long() {
    let years = log(&[
        r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 -"#,
        r#"h - - [17/May/2016:10:05:03 +0000] "GET / HTTP/1.1" 200 -"#,
    ]);
    let Err(RecordError::TooLong { enough, .. }) = trace(&years, &TraceOptions::default()) else {
        panic!("a year is too long");
    };
    let (options, folder) = (
        TraceOptions {
            speed: enough,
            ..TraceOptions::default()
        },
        tempfile::tempdir().unwrap(),
    );
    let scenario = read_back(&trace(&years, &options).unwrap(), &options, folder.path());
    assert_eq!(scenario.schedule().count(), 2);
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = TraceOptions {
            speed,
            ..TraceOptions::default()
        };
        assert!(matches!(
            trace(&years, &options),
            Err(RecordError::Option { .. })
        ));
    }
    let none = log(&[r#"h - - [17/May/2015:10:05:03 +0000] "-" 408 -"#]);
    assert!(matches!(
        trace(&none, &TraceOptions::default()),
        Err(RecordError::NoRequest { .. })
    ));
    assert!(matches!(
        model(&none, &ModelOptions::default()),
        Err(RecordError::NoRequest { .. })
    ));
}

#[test]
fn model_of_the_real_log_runs_at_any_scale() {
    let log = real();
    let fitted = model(&log, &ModelOptions::default()).unwrap();
    let scenario = Scenario::parse(&fitted.toml, Path::new("recorded.toml"))
        .unwrap_or_else(|error| panic!("{error}\n{}", fitted.toml));
    let arrivals = scenario.schedule().count();
    assert!(arrivals.abs_diff(10_000) < 500, "{arrivals}");

    let rate = Rate::new(500.0).unwrap();
    let overrides = Overrides {
        rate: Some(rate),
        duration: Some(Duration::from_secs(60)),
        ..Overrides::default()
    };
    let scaled = scenario.with(&overrides).unwrap();
    let arrivals: Vec<_> = scaled.schedule().collect();
    assert!(arrivals.len().abs_diff(30_000) < 900, "{}", arrivals.len());
    let writes = arrivals
        .iter()
        .filter(|arrival| scaled.requests[arrival.draw.request].kind == Kind::Write)
        .count();
    assert!(writes.abs_diff(15) <= 1, "{writes}");

    let zipf = fitted.fit.content.as_ref().unwrap();
    assert!(
        zipf.low < zipf.exponent && zipf.exponent < zipf.high,
        "{zipf:?}"
    );
    assert!(zipf.keys > zipf.distinct, "{zipf:?}");
    assert_eq!(fitted.fit.mix.total(), 10_000);
    assert_eq!(fitted.fit.mix.writes, 5);
    insta::assert_snapshot!(fitted.toml);
    // The same log and seed give the same model.
    assert_eq!(model(&log, &ModelOptions::default()).unwrap(), fitted);
}

#[test]
fn model_reports_a_poor_fit() {
    let fit = model(&real(), &ModelOptions::default()).unwrap().fit;
    let all = fit.all_targets.as_ref().unwrap();
    assert_eq!(all.fit, Fit::Poor, "{all:?}");
    assert!(fit.to_string().contains("The fit is poor"));
    let json = serde_json::to_value(&fit).unwrap();
    assert_eq!(json["all_targets"]["fit"], "poor");
}

#[test]
fn models_logs_with_few_requests_or_no_writes() {
    for lines in [
        vec![r#"h - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1"#],
        vec![r#"h - - [17/May/2015:10:05:03 +0000] "GET /a.css HTTP/1.1" 200 1"#],
        vec![r#"h - - [17/May/2015:10:05:03 +0000] "DELETE /a HTTP/1.1" 200 1"#],
        vec![
            r#"h - - [17/May/2015:10:05:03 +0000] "HEAD /a HTTP/1.1" 200 1"#,
            r#"h - - [17/May/2025:10:05:03 +0000] "GET / HTTP/1.1" 200 1"#,
        ],
    ] {
        let fitted = model(&log(&lines), &ModelOptions::default()).unwrap();
        let scenario = Scenario::parse(&fitted.toml, Path::new("recorded.toml"))
            .unwrap_or_else(|error| panic!("{error}\n{}", fitted.toml));
        assert_eq!(scenario.sessions.is_some(), fitted.fit.mix.writes > 0);
    }
}

#[test]
fn model_has_the_given_rate_and_duration() {
    let options = ModelOptions {
        rate: Rate::new(200.0),
        duration: Some(Duration::from_secs(30)),
        steps: 12,
        posts: 100,
        ..ModelOptions::default()
    };
    let fitted = model(&real(), &options).unwrap();
    let scenario = Scenario::parse(&fitted.toml, Path::new("recorded.toml")).unwrap();
    assert_eq!(scenario.duration(), Duration::from_secs(30));
    assert!(scenario.schedule().count().abs_diff(6000) < 400);
    assert!(fitted.fit.rate.steps.len() <= 12);
    let posts = scenario
        .key_spaces
        .iter()
        .find(|keys| keys.name == "posts")
        .unwrap();
    assert_eq!(posts.count, 100);
}

#[test]
fn model_follows_a_daily_swell() {
    // Two days with 4 to 16 requests a minute; every other one is for one of five pages.
    let mut lines = Vec::new();
    for minute in 0..2 * 24 * 60_u32 {
        let hour = f64::from(minute) / 60.0;
        let swell = 10.0 - 6.0 * (std::f64::consts::TAU * hour / 24.0).cos();
        for request in 0..swell.round() as u32 {
            let (day, hour) = (17 + minute / 1440, minute / 60 % 24);
            let page = if request % 2 == 0 {
                request % 5
            } else {
                minute % 97
            };
            lines.push(format!(
                "h - - [{day}/May/2015:{hour:02}:{:02}:{:02} +0000] \"GET /{page} HTTP/1.1\" 200 1",
                minute % 60,
                request * 3
            ));
        }
    }
    let log = log(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let options = ModelOptions {
        rate: Rate::new(100.0),
        duration: Some(Duration::from_secs(48)),
        ..ModelOptions::default()
    };
    let fitted = model(&log, &options).unwrap();
    let steps = fitted.fit.rate.steps.len();
    assert!(
        (16..=60).contains(&steps) && !fitted.fit.rate.is_bursty(),
        "{:?}",
        fitted.fit.rate
    );
    assert!(
        (fitted.fit.rate.peak - 1.6).abs() < 0.05,
        "{:?}",
        fitted.fit.rate
    );
    let scenario = Scenario::parse(&fitted.toml, Path::new("recorded.toml"))
        .unwrap_or_else(|error| panic!("{error}\n{}", fitted.toml));
    // An hour of the log takes a second: noon has four times the rate of midnight.
    let around = |second: f64| {
        let near = |at: Duration| (at.as_secs_f64() - second).abs() < 2.0;
        scenario
            .schedule()
            .filter(|arrival| near(arrival.intended))
            .count() as f64
    };
    assert!((around(12.0) / around(24.0) - 4.0).abs() < 1.0);
    assert!((scenario.schedule().count() as f64 - 4800.0).abs() < 5.0 * 4800_f64.sqrt());
}

#[test]
fn keeps_times_finer_than_a_second() {
    let line = |at: &str| format!("{at} GET /x");
    let text = [
        line("1431857103007"),
        line("1431857103009"),
        line("1431857104000"),
    ]
    .join("\n");
    let format = tenfold_record::Format::parse("%{msec}t %m %U").unwrap();
    let options = ReadOptions {
        format: Some(format),
        ..ReadOptions::default()
    };
    let log = AccessLog::read_from(text.as_bytes(), "test.log", &options).unwrap();
    let trace = trace(&log, &TraceOptions::default()).unwrap();
    insta::assert_snapshot!(jsonl(&trace), @r#"
    {"at_ms":0,"request":"GET","target":"/x"}
    {"at_ms":2,"request":"GET","target":"/x"}
    {"at_ms":993,"request":"GET","target":"/x"}
    "#);
}
