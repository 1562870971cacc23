//! Journeys from HAR files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tenfold_record::{JourneyOptions, JourneyScenario, journey};
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
        (r#"{"log":{"entries":[{"request":{}}]}}"#, "1 broken"),
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
