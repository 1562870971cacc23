//! Captures of values from any body and headers. The first byte is the length of the header.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue, header};
use libfuzzer_sys::fuzz_target;
use tenfold_scenarios::{Capture, ResponseParts, Scenario};

const SCENARIO: &str = r#"
version = 1
name = "captures"
phases = [{ name = "a", kind = "constant", rate = "10/s", duration = "1s" }]
[[requests]]
name = "a"
kind = "read"
path = "/"
[requests.capture]
whole = "json:"
member = "json:/a/0/b"
element = { css = "form > input[name=csrf], p a:first-child", attribute = "value" }
paragraph = { css = "p", nth = -1 }
match = { regex = 'a(b+)?c' }
cookie = "cookie:sid"
line = { from = "header:set-cookie", nth = 2 }
"#;

static CAPTURES: LazyLock<Vec<Capture>> = LazyLock::new(|| {
    let scenario = Scenario::parse(SCENARIO, Path::new("capture.toml"));
    let scenario = scenario.expect("the scenario is valid");
    scenario
        .requests
        .into_iter()
        .flat_map(|request| request.captures)
        .collect()
});

fuzz_target!(|data: &[u8]| {
    let [length, rest @ ..] = data else {
        return;
    };
    let (line, body) = rest.split_at(usize::from(*length).min(rest.len()));
    let mut headers = HeaderMap::new();
    for line in line.split(|byte| *byte == 0) {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(header::SET_COOKIE, line);
        }
    }
    let parts = ResponseParts {
        status: 200,
        url: "http://a.example/",
        headers: &headers,
        body,
    };
    let document: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    for capture in CAPTURES.iter() {
        let found = capture.find(&parts);
        if capture.name == "whole"
            && document
                .as_ref()
                .is_some_and(|document| !document.is_null())
        {
            assert!(found.is_some(), "a valid document has a whole");
        }
    }
});
