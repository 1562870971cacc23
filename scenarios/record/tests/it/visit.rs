//! Journeys from HAR files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tenfold_record::{AccessLog, JourneyOptions, JourneyScenario, ReadOptions, journey};
use tenfold_scenarios::Scenario;

fn options() -> JourneyOptions {
    JourneyOptions {
        name: "visit".to_owned(),
        host: None,
    }
}

fn made(entries: &[Value]) -> JourneyScenario {
    let har = json!({ "log": { "entries": entries } }).to_string();
    let made = journey(har.as_bytes(), "visit.har", &options()).unwrap();
    if let Err(error) = Scenario::parse(&made.toml, Path::new("visit.toml")) {
        panic!("{error}\n{}", made.toml);
    }
    made
}

/// An entry at a second, that took 100 ms.
fn entry(second: u32, method: &str, path: &str, status: u16, answer: (&str, &str)) -> Value {
    json!({
        "startedDateTime": format!("2024-03-01T10:00:{second:02}.000Z"),
        "time": 100.0,
        "request": { "method": method, "url": format!("http://shop.example{path}"), "headers": [
            { "name": "Accept", "value": "text/html" },
            { "name": "Cookie", "value": "sid=s3cret-cookie" },
            { "name": "User-Agent", "value": "Browser" },
        ] },
        "response": { "status": status, "headers": [], "content": { "mimeType": answer.0, "text": answer.1 } },
    })
}

const FORM: &str = "<form><input type=hidden name=csrf value=s3cret-token-1></form>";

/// A visit with a log-in by form, an API and the parts of a page.
fn visit() -> Vec<Value> {
    let mut first = entry(0, "GET", "/account", 302, ("", ""));
    first["response"]["headers"] = json!([{ "name": "Location", "value": "/login?next=/account" }]);
    let mut log_in = entry(3, "POST", "/login", 303, ("", ""));
    log_in["request"]["postData"] = json!({
        "mimeType": "application/x-www-form-urlencoded",
        "text": "csrf=s3cret-token-1&user=ann&password=s3cret-password&next=%2Faccount&role=a&role=b",
    });
    log_in["response"]["headers"] = json!([{ "name": "location", "value": "account" }]);
    let mut create = entry(
        9,
        "POST",
        "/api/orders",
        201,
        ("application/json", r#"{"order":{"id":"ord-5b183c04"}}"#),
    );
    create["request"]["postData"] = json!({ "mimeType": "application/json", "text": r#"{"note": "{user}", "api_token": "s3cret-api-1"}"# });
    create["request"]["headers"] = json!([
        { "name": "Content-Type", "value": "application/json" },
        { "name": "X-CSRF-Token", "value": "s3cret-meta-2" },
        { "name": "Origin", "value": "http://shop.example" },
    ]);
    let account =
        "<meta name=csrf-token content=s3cret-meta-2><script>var token = 's3cret-api-1'</script>";
    vec![
        first,
        entry(
            0,
            "GET",
            "/login?next=/account",
            200,
            ("text/html; charset=utf-8", FORM),
        ),
        entry(1, "GET", "/a.css", 200, ("text/css", "")),
        entry(1, "GET", "/logo", 200, ("image/png", "")),
        log_in,
        entry(4, "GET", "/account", 200, ("text/html", account)),
        create,
        entry(
            9,
            "GET",
            "/api/orders/ord-5b183c04?view=full",
            200,
            ("application/json", "{}"),
        ),
        entry(9, "GET", "/api/missing", 404, ("application/json", "{}")),
    ]
}

#[test]
fn makes_a_journey_of_a_visit() {
    let made = made(&visit());
    assert!(!made.toml.contains("s3cret"), "{}", made.toml);
    assert_eq!(made.to_fill_in, ["api_token", "password"]);
    assert_eq!(made.requests, 5);
    insta::assert_snapshot!(made.toml);
}

#[test]
fn renames_variables_with_a_meaning_of_their_own() {
    let names = [
        "key",
        "user",
        "entropy",
        "text",
        "hex",
        "integer",
        "target",
        "target_body",
        "status",
        "failed",
        "origin",
    ];
    let inputs = names.map(|name| format!("<input name={name} value=made-{name}-12345>"));
    let page = entry(0, "GET", "/", 200, ("text/html", &inputs.concat()));
    let mut post = entry(1, "POST", "/", 200, ("text/html", ""));
    let fields = names.map(|name| json!({ "name": name, "value": format!("made-{name}-12345") }));
    post["request"]["postData"] =
        json!({ "mimeType": "application/x-www-form-urlencoded", "params": fields });
    post["request"]["headers"] = json!([
        { "name": "Origin", "value": "http://shop.example" },
        { "name": "X.Version!", "value": "1" },
    ]);
    let made = made(&[page, post]);
    assert_eq!(
        made.captured,
        names
            .map(|name| format!("{name}_value"))
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
}

#[test]
fn rejects_files_without_a_visit() {
    let error = |text: &str| {
        journey(text.as_bytes(), "visit.har", &options())
            .unwrap_err()
            .to_string()
    };
    for (text, expected) in [
        ("{}", "it has no log.entries"),
        ("nonsense", "as a HAR file"),
        (r#"{"log":{"entries":[]}}"#, "it has no entries"),
        (
            r#"{"log":{"entries":[{"request":{}}]}}"#,
            "1 broken (entry 1: it has no startedDateTime: ``)",
        ),
    ] {
        assert!(error(text).contains(expected), "{text}: {}", error(text));
    }
    let har = json!({ "log": { "entries": visit() } }).to_string();
    let options = JourneyOptions {
        host: Some("other".to_owned()),
        ..options()
    };
    let error = journey(har.as_bytes(), "visit.har", &options)
        .unwrap_err()
        .to_string();
    assert!(error.contains("shop.example"), "{error}");
}

#[test]
fn names_broken_entries() {
    let mut naive = entry(1, "GET", "/naive?token=s3cret", 200, ("", ""));
    naive["startedDateTime"] = json!("2024-03-01T10:00:00");
    let mut nameless = entry(1, "GET", "/", 200, ("", ""));
    nameless["request"]["url"] = json!("");
    let methodless = json!({ "startedDateTime": "2024-03-01T10:00:00Z", "request": { "url": "http://shop.example/" } });
    let mut odd = entry(1, "GET", "/odd", 200, ("", ""));
    odd["request"]["headers"] = json!("password=s3cret");
    let no_method = entry(1, "G T", "/no", 200, ("", ""));
    let good = entry(0, "GET", "/", 200, ("", ""));
    let made = made(&[good, naive, nameless, methodless, odd, no_method]);
    assert_eq!(made.left_out, [("broken".to_owned(), 5)]);
    let shown: Vec<String> = made
        .first_broken
        .iter()
        .map(|line| line.as_entry())
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn encodes_targets_as_traces_do() {
    let target = "/q[1]\"\\?a=b|c {x}<\u{e9}>`";
    let made = made(&[entry(0, "GET", target, 200, ("", ""))]);
    let scenario = Scenario::parse(&made.toml, Path::new("visit.toml")).unwrap();
    let har = json!({ "log": { "entries": [entry(0, "GET", target, 200, ("", ""))] } }).to_string();
    let log = AccessLog::read_from(har.as_bytes(), "visit.har", &ReadOptions::default()).unwrap();
    let recorded = log.records().next().unwrap().request.unwrap().target;
    assert_eq!(recorded, "/q[1]%22%5C?a=b|c%20{x}%3C%C3%A9%3E%60");
    let path = format!(
        "path = \"{}\"",
        recorded.replace('{', "{{").replace('}', "}}")
    );
    assert!(made.toml.contains(&path), "{}", made.toml);
    assert_eq!(scenario.requests.len(), 1);
}

#[test]
fn leaves_out_targets_that_are_not_sent() {
    let long = format!("/{}", "x".repeat(60_001));
    let made = made(&[
        entry(0, "GET", "/", 200, ("", "")),
        entry(1, "GET", &long, 200, ("", "")),
        entry(1, "CONNECT", "/", 200, ("", "")),
    ]);
    assert_eq!(
        made.left_out,
        [
            ("CONNECT, which only a proxy accepts".to_owned(), 1),
            ("a target longer than 60,000 bytes".to_owned(), 1)
        ]
    );
}

#[test]
fn counts_bodies_left_out() {
    let posted = |second, body: Value| {
        let mut post = entry(second, "POST", "/rpc", 200, ("", ""));
        post["request"]["postData"] = body;
        post
    };
    let mut other = posted(1, json!({ "text": "\u{fffd}" }));
    other["request"]["url"] = json!("http://other.example/");
    let binary = "application/octet-stream";
    let made = made(&[
        posted(
            1,
            json!({ "mimeType": binary, "text": "\u{fffd}\0\u{fffd}" }),
        ),
        posted(
            2,
            json!({ "mimeType": "application/x-protobuf", "text": "\n\u{e9}" }),
        ),
        posted(
            3,
            json!({ "mimeType": "text/plain", "text": "AAEC", "encoding": "base64" }),
        ),
        posted(
            4,
            json!({ "mimeType": binary, "params": [{ "name": "a", "value": "b" }] }),
        ),
        posted(
            5,
            json!({ "mimeType": "multipart/form-data", "text": "--x--" }),
        ),
        posted(
            6,
            json!({ "mimeType": "text/plain", "text": "x".repeat(1024 * 1024 + 1) }),
        ),
        posted(
            7,
            json!({ "mimeType": "text/plain", "text": "kept \u{e9}" }),
        ),
        other,
    ]);
    let expected = [
        ("bodies longer than 1 MiB", 1),
        ("bodies of several parts", 1),
        ("bodies that are not text", 4),
        ("to other hosts", 1),
    ];
    assert_eq!(
        made.left_out,
        expected.map(|(reason, count)| (reason.to_owned(), count))
    );
    assert_eq!(made.toml.matches("# Its body is left out").count(), 6);
    assert!(made.toml.contains("body = \"kept"), "{}", made.toml);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn every_visit_makes_a_valid_scenario(
        path in "/[ -~]{0,20}",
        name in any::<String>(),
        value in any::<String>(),
        text in any::<String>(),
        status in 200_u16..600,
    ) {
        let mut post = entry(1, "POST", &path, status, ("text/html", &text));
        post["request"]["postData"] = json!({
            "mimeType": "application/x-www-form-urlencoded",
            "params": [{ "name": name, "value": value }, { "name": "token", "value": value }],
        });
        let mut put = entry(2, "PUT", "/x", 200, ("application/json", &text));
        put["request"]["postData"] = json!({ "mimeType": "application/json", "text": json!({ name: value }).to_string() });
        made(&[entry(0, "GET", "/", 200, ("text/html", &text)), post, put]);
    }
}
