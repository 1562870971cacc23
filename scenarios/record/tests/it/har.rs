//! HAR files: selection of hosts, masking, and replay.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use tenfold_record::{AccessLog, Format, LogError, ReadOptions};
use tenfold_record::{ModelOptions, TraceOptions, model, trace};
use tenfold_scenarios::{Rendered, Scenario};

fn read_with(text: &str, options: &ReadOptions) -> Result<AccessLog, LogError> {
    AccessLog::read_from(text.as_bytes(), "shop.har", options)
}

fn read(har: &Value) -> AccessLog {
    read_with(&har.to_string(), &ReadOptions::default()).unwrap()
}

fn named() -> ReadOptions {
    ReadOptions {
        format: Some(Format::parse("har").unwrap()),
        ..ReadOptions::default()
    }
}

fn archive(entries: Vec<Value>) -> Value {
    json!({ "log": {
        "version": "1.2", "creator": { "name": "test", "version": "1" }, "pages": [],
        "entries": entries,
    } })
}

fn entry(
    at: &str,
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Value {
    let headers: Vec<Value> = headers
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut request = json!({
        "method": method, "url": url, "httpVersion": "HTTP/2", "headers": headers, "cookies": [],
        "queryString": [], "headersSize": -1, "bodySize": 0,
    });
    if let Some(body) = body {
        request["postData"] = body;
    }
    json!({
        "startedDateTime": at, "time": 12.5, "request": request, "cache": {}, "timings": {},
        "response": {
            "status": 200, "statusText": "OK", "headers": [], "cookies": [], "redirectURL": "",
            "content": { "size": 5, "mimeType": "text/html", "text": "s3cret answer" },
            "headersSize": -1, "bodySize": 5,
        },
    })
}

/// A visit to a shop: a page, a script, a log-in with every kind of secret, an order.
fn visit() -> Value {
    let agent = ("User-Agent", "Mozilla/5.0 {key}");
    let secrets = [
        agent,
        ("Cookie", "session=s3cret"),
        ("Authorization", "Bearer s3cret"),
        ("X-CSRF-Token", "s3cret"),
        ("X-Tenant", "blue"),
        ("Content-Type", "application/json"),
    ];
    let json = |text: &str| Some(json!({ "mimeType": "application/json", "text": text }));
    let shop = "https://shop.example";
    let mut cached = entry(
        "2024-03-01T10:00:00.300Z",
        "GET",
        &format!("{shop}/a.css"),
        &[],
        None,
    );
    cached["_fromCache"] = json!("disk");
    let long = "x".repeat(1024 * 1024 + 1);
    archive(vec![
        entry(
            "2024-03-01T10:00:00.250Z",
            "GET",
            &format!("{shop}/?access_token=s3cret&page=2#top"),
            &[
                agent,
                (":authority", "shop.example"),
                ("Accept", "text/html"),
            ],
            None,
        ),
        cached,
        entry(
            "2024-03-01T10:00:00.400Z",
            "GET",
            "https://cdn.example/a.js",
            &[agent],
            None,
        ),
        entry(
            "2024-03-01T10:00:00.410Z",
            "GET",
            "data:text/plain,s3cret",
            &[],
            None,
        ),
        // Out of order, and in another zone.
        entry(
            "2024-03-01T11:00:03.000+01:00",
            "POST",
            &format!("{shop}/orders"),
            &secrets,
            json(r#"{"item": 7, "note": "{user}"}"#),
        ),
        entry(
            "2024-03-01T10:00:02.000Z",
            "POST",
            &format!("{shop}/login"),
            &secrets,
            json(r#"{"name":"a","password":"s3cret"}"#),
        ),
        entry(
            "2024-03-01T10:00:04.000Z",
            "PUT",
            &format!("{shop}/photo"),
            &[],
            Some(json!({ "mimeType": "image/png", "text": long })),
        ),
        json!({ "request": { "method": "GET", "url": "https://shop.example/?token=s3cret" } }),
    ])
}

#[test]
fn replays_a_visit_without_its_secrets() {
    let log = read(&visit());
    let folder = tempfile::tempdir().unwrap();
    let options = TraceOptions::default();
    let trace = trace(&log, &options).unwrap();
    let mut jsonl = Vec::new();
    trace.write_trace(&mut jsonl).unwrap();
    let jsonl = String::from_utf8(jsonl).unwrap();
    let summary = log.summary().to_string();
    for text in [&jsonl, &trace.toml, &summary] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    insta::assert_snapshot!(format!("{summary}\n{}\n{jsonl}", trace.toml));

    std::fs::write(folder.path().join(&options.file), &jsonl).unwrap();
    let path = folder.path().join("recorded.toml");
    std::fs::write(&path, &trace.toml).unwrap();
    let scenario = Scenario::read(&path).unwrap_or_else(|error| panic!("{error}\n{}", trace.toml));
    let variables = scenario.variables();
    let mut sent = Vec::new();
    for arrival in scenario.schedule() {
        let mut rendered = Rendered::default();
        let request = &scenario.requests[arrival.draw.request];
        request
            .render(&arrival.draw, &variables, &mut rendered)
            .unwrap();
        let headers: Vec<String> = rendered
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        sent.push(format!(
            "{} ms: {} {} [{}] {}",
            arrival.intended.as_millis(),
            request.method,
            rendered.path,
            headers.join("; "),
            String::from_utf8(rendered.body).unwrap()
        ));
    }
    insta::assert_snapshot!("sent", sent.join("\n"));
}

#[test]
fn reads_one_host() {
    let of = |host: &str| {
        let options = ReadOptions {
            host: Some(host.to_owned()),
            ..ReadOptions::default()
        };
        read_with(&visit().to_string(), &options)
    };
    let cdn = of("CDN.example").unwrap();
    assert_eq!(cdn.records().len(), 1);
    let archive = cdn.archive.unwrap();
    assert_eq!(
        (archive.host.as_str(), archive.of_other_hosts),
        ("cdn.example", 4)
    );
    assert!(archive.masked.is_empty(), "{archive:?}");
    let error = of("shop.example:8443").unwrap_err().to_string();
    assert!(
        error.contains("shop.example (4), cdn.example (1)"),
        "{error}"
    );
}

#[test]
fn detects_har_by_content_name_and_gzip() {
    let text = visit().to_string();
    let plain = read_with(&text, &ReadOptions::default()).unwrap();
    assert!(plain.detected && plain.format == "har");
    // A HAR file that starts with another field.
    let comment = text.replacen('{', "{\"comment\":\"x\",", 1);
    let other = read_with(&comment, &named()).unwrap();
    assert!(other.records().eq(plain.records()));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(format!("\u{feff}{text}").as_bytes())
        .unwrap();
    let packed = encoder.finish().unwrap();
    let packed =
        AccessLog::read_from(packed.as_slice(), "shop.har", &ReadOptions::default()).unwrap();
    assert!(packed.records().eq(plain.records()));
}

#[test]
fn rejects_invalid_har_files() {
    let error = |text: &str| read_with(text, &named()).unwrap_err().to_string();
    let whole = visit().to_string();
    insta::assert_snapshot!(
        "invalid_har_files",
        [
            error(""),
            error("nonsense"),
            error("{}"),
            error(r#"{"log":{}}"#),
            error(r#"{"log":{"entries":[]}}"#),
            error(r#"{"log":{"entries":[{"request":7}]}}"#),
            error(&whole[..300]),
        ]
        .join("\n")
    );
}

#[test]
fn reads_files_named_har_as_har() {
    for (name, text) in [
        ("visit.har", "{}"),
        ("VISIT.HAR", "[]"),
        ("visit.har.gz", "{\"a\":1}"),
    ] {
        let error = AccessLog::read_from(text.as_bytes(), name, &ReadOptions::default());
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("{name} is not a HAR file: it has no log.entries")),
            "{message}"
        );
    }
    let text = visit().to_string().replacen('{', "{\"comment\":\"x\",", 1);
    let log = AccessLog::read_from(text.as_bytes(), "a.har", &ReadOptions::default()).unwrap();
    assert!(log.detected && log.format == "har");
}

#[test]
fn fits_a_model() {
    let entries = (0..50).map(|second| {
        let at = format!("2024-03-01T10:00:{second:02}.5Z");
        let url = format!("http://a.example/{}", second % 7);
        entry(&at, "GET", &url, &[], None)
    });
    let log = read(&archive(entries.collect()));
    let fitted = model(&log, &ModelOptions::default()).unwrap();
    Scenario::parse(&fitted.toml, Path::new("recorded.toml")).unwrap();
    assert_eq!(fitted.fit.mix.content, 50);
}

#[test]
fn rejects_hosts_with_control_characters() {
    let at = "2024-03-01T10:00:00Z";
    let log = read(&archive(vec![
        entry(at, "GET", "https://a.example/", &[], None),
        entry(at, "GET", "https://a\u{1b}[2J.example/", &[], None),
    ]));
    assert_eq!(log.broken, 1);
    let reason = &log.first_broken[0].reason;
    assert!(reason.ends_with("is not a valid host"), "{reason}");
    assert!(!log.summary().to_string().contains('\u{1b}'));
}

#[test]
fn leaves_out_what_the_browser_answered() {
    let at = "2024-05-17T10:05:03Z";
    let plain = |path: &str| entry(at, "GET", &format!("https://s.example{path}"), &[], None);
    let with = |path: &str, change: &dyn Fn(&mut Value)| {
        let mut changed = plain(path);
        change(&mut changed);
        changed
    };
    let log = read(&archive(vec![
        plain("/a"),
        with("/chrome", &|entry| entry["_fromCache"] = json!("memory")),
        with("/safari", &|entry| {
            entry["_fetchType"] = json!("Disk Cache")
        }),
        with("/edge", &|entry| {
            entry["response"]["_transferSize"] = json!(0)
        }),
        with("/firefox", &|entry| {
            entry["cache"] = json!({ "beforeRequest": { "hitCount": 2 } });
            entry["response"]["bodySize"] = json!(0);
        }),
        with("/worker", &|entry| {
            entry["_fetchedViaServiceWorker"] = json!(true)
        }),
        with("/same", &|entry| entry["response"]["status"] = json!(304)),
        with("/live", &|entry| entry["response"]["status"] = json!(101)),
        with("/socket", &|entry| {
            entry["_resourceType"] = json!("websocket")
        }),
        with("/events", &|entry| {
            entry["_resourceType"] = json!("eventsource")
        }),
        entry(at, "GET", "wss://s.example/live", &[], None),
        entry(
            at,
            "GET",
            "https://s.example/live",
            &[("Upgrade", "websocket")],
            None,
        ),
        entry(at, "CONNECT", "https://s.example/", &[], None),
        entry(at, "GET", "data:,x", &[], None),
    ]));
    let sent: Vec<&str> = log
        .records()
        .filter_map(|record| record.request)
        .map(|request| request.target)
        .collect();
    assert_eq!(sent, ["/a", "/same"]);
    let shown = log.summary().to_string();
    let notes: Vec<&str> = shown
        .lines()
        .take_while(|line| !line.starts_with("time"))
        .collect();
    insta::assert_snapshot!(notes.join("\n"), @r"
    shop.har: 14 entries, 0 broken (har, detected)
      1 without a request: CONNECT, which only a proxy accepts
    host      s.example
      4 served from the browser's cache, left out
      1 answered by a service worker of the browser, left out
      1 answered with 304 (not modified), sent without the browser's condition
      1 not over HTTP (data:, blob: ...), left out
      4 without a request: a switch to WebSocket or another protocol, left out
      1 streams of Server-Sent Events, left out
    ");
}

#[test]
fn sends_decoded_bodies_without_their_coding() {
    let at = "2024-05-17T10:05:03Z";
    let gzip = [
        ("content-type", "application/json"),
        ("Content-Encoding", "gzip"),
    ];
    let body = |mime_type: &str, text: &str| Some(json!({ "mimeType": mime_type, "text": text }));
    let log = read(&archive(vec![
        entry(
            at,
            "POST",
            "https://s.example/e",
            &gzip,
            body("application/json", "{\"n\":1}"),
        ),
        entry(
            at,
            "POST",
            "https://s.example/rpc",
            &[],
            body("application/octet-stream", "\u{fffd}\0\u{fffd}"),
        ),
    ]));
    let requests: Vec<_> = log.records().filter_map(|record| record.request).collect();
    assert_eq!(requests[0].body, Some("{\"n\":1}"));
    assert_eq!(
        requests[0].headers,
        [("content-type".to_owned(), "application/json".to_owned())]
    );
    assert_eq!(requests[1].body, None);
    let archive = log.archive.as_ref().unwrap();
    assert_eq!((archive.bodies_decoded, archive.bodies_not_text), (1, 1));
    let shown = log.summary().to_string();
    assert!(
        shown.contains("1 without their content-encoding"),
        "{shown}"
    );
    assert!(
        shown.contains("1 bodies that are not text, left out"),
        "{shown}"
    );
}

#[test]
fn says_what_is_wrong_with_a_time() {
    let request = |at: Value| {
        let mut changed = entry("", "GET", "https://s.example/a?token=s3cret", &[], None);
        changed["startedDateTime"] = at;
        changed
    };
    let times = [
        json!("2024-05-17T10:05:03.497000"),
        json!("yesterday"),
        json!(1_715_940_303),
        Value::Null,
    ];
    let mut entries: Vec<Value> = times.into_iter().map(request).collect();
    let error = read_with(
        &archive(entries.clone()).to_string(),
        &ReadOptions::default(),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("4 are broken (entry 1: its startedDateTime `2024-05-17T10:05:03.497000` has no time zone"),
        "{error}"
    );
    entries.push(request(json!("2024-05-17T10:05:03+02:00")));
    let log = read(&archive(entries));
    let reasons: Vec<&str> = log
        .first_broken
        .iter()
        .map(|broken| broken.reason.as_str())
        .collect();
    insta::assert_snapshot!(reasons.join("\n"), @r#"
    its startedDateTime `2024-05-17T10:05:03.497000` has no time zone; add Z or an offset such as +02:00
    its startedDateTime `yesterday` is not a time such as 2024-05-17T10:05:03.497Z
    its startedDateTime `1715940303` is not text such as "2024-05-17T10:05:03.497Z"
    it has no startedDateTime
    "#);
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = AccessLog::read_from(bytes.as_slice(), "test.har", &named());
    }

    #[test]
    fn never_panics_on_damaged_files(
        cut in 0..3_000_usize, extra in r#"[\[\]{}",:a-z0-9]{0,10}"#,
    ) {
        let entries = visit()["log"]["entries"].as_array().unwrap()[..4].to_vec();
        let mut whole = archive(entries).to_string();
        let cut = cut % whole.len();
        whole.insert_str(cut, &extra);
        let _ = read_with(&whole, &ReadOptions::default());
        let _ = read_with(&whole[..cut + extra.len()], &ReadOptions::default());
    }

    #[test]
    fn replays_requests_as_recorded(
        requests in prop::collection::vec(
            (
                "[A-Z]{3,7}",
                "/[a-z0-9/._~%-]{0,20}",
                // Both avoid letters that secret names need; "pw" is the shortest.
                "[ -DX-dx-~]{0,20}",
                prop::option::of(r#"[ -DX-dx-~\u{e0}-\u{4ff}]{1,30}"#),
            ),
            1..20,
        ),
    ) {
        let entries = requests.iter().zip(0..).map(|((method, path, agent, body), second)| {
            let body = body.as_ref().map(|body| json!({ "mimeType": "text/plain", "text": body }));
            let at = format!("2024-03-01T10:00:{second:02}.007Z");
            entry(&at, method, &format!("https://a.example{path}"), &[("user-agent", agent)], body)
        });
        let log = read(&archive(entries.collect()));
        prop_assert_eq!((log.lines, log.broken), (requests.len() as u64, 0));
        // CONNECT can't be replayed.
        let sendable: Vec<_> = requests.iter().filter(|(method, ..)| method != "CONNECT").collect();
        prop_assume!(!sendable.is_empty());
        let folder = tempfile::tempdir().unwrap();
        let trace = trace(&log, &TraceOptions::default()).unwrap();
        let jsonl = std::fs::File::create(folder.path().join("recorded.jsonl")).unwrap();
        trace.write_trace(jsonl).unwrap();
        let path = folder.path().join("recorded.toml");
        std::fs::write(&path, &trace.toml).unwrap();
        let scenario = Scenario::read(&path).unwrap();
        let variables = scenario.variables();
        prop_assert_eq!(scenario.schedule().count(), sendable.len());
        for ((method, path, agent, body), arrival) in sendable.into_iter().zip(scenario.schedule()) {
            let mut rendered = Rendered::default();
            let request = &scenario.requests[arrival.draw.request];
            request.render(&arrival.draw, &variables, &mut rendered).unwrap();
            prop_assert_eq!(request.method.as_str(), method);
            prop_assert_eq!(&rendered.path, path);
            let sent = rendered.headers.iter().find(|(name, _)| name == "user-agent").unwrap();
            prop_assert_eq!(sent.1.to_str().unwrap(), agent);
            let body = body.clone().unwrap_or_default();
            prop_assert_eq!(String::from_utf8(rendered.body).unwrap(), body);
        }
    }
}
