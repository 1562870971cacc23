//! Provenance of a value of a request: the earlier answer that has it.

use std::path::Path;

use serde_json::Value;
use tenfold_scenarios::toml_text::quoted;
use tenfold_scenarios::{ResponseParts, Scenario};

use crate::har::visit::{Answer, Exchange};

/// Meta elements in which pages keep tokens for their scripts.
const META_NAMES: [&str; 4] = ["csrf-token", "_csrf", "csrf", "xsrf-token"];

/// Fields of the same name that are looked at in a page.
const NTH_MAX: u32 = 4;

/// The shortest value that is looked for by its text alone.
const TEXT_BYTES_MIN: usize = 8;

/// Finds the latest answer that has a value, and how to capture it from there: the inline value of a capture in TOML.
///
/// `name` is that of the field, parameter or header with the value.
pub(super) fn provenance(name: &str, value: &str, before: &[Exchange]) -> Option<(usize, String)> {
    if value.is_empty() {
        return None;
    }
    let answers = before.iter().enumerate().rev();
    answers
        .map(|(index, exchange)| (index, &exchange.answer))
        .find_map(|(index, answer)| Some((index, capture(name, value, answer)?)))
}

/// Returns whether a value looks as if a service had made it: a token, a key or an identifier.
pub(super) fn looks_made(value: &str) -> bool {
    value.len() >= TEXT_BYTES_MIN
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.=+/~".contains(&byte))
        && !value.starts_with('/')
}

fn capture(name: &str, value: &str, answer: &Answer) -> Option<String> {
    candidates(name, value, answer)
        .into_iter()
        .find(|capture| found(capture, answer).as_deref() == Some(value))
}

fn candidates(name: &str, value: &str, answer: &Answer) -> Vec<String> {
    let mut candidates = Vec::new();
    let is_html = answer.media_type.contains("html");
    if is_html && !name.contains(['"', '\\']) {
        let css = quoted(&format!("input[name=\"{name}\"]"));
        candidates.push(format!("{{ css = {css}, attribute = \"value\" }}"));
        candidates.extend(
            (2..=NTH_MAX)
                .map(|nth| format!("{{ css = {css}, attribute = \"value\", nth = {nth} }}")),
        );
    }
    if is_html && looks_made(value) {
        candidates.extend(META_NAMES.map(|name| {
            let css = quoted(&format!("meta[name=\"{name}\"]"));
            format!("{{ css = {css}, attribute = \"content\" }}")
        }));
    }
    if looks_made(value) || is_same(name, value, answer) {
        let json = serde_json::from_slice::<Value>(&answer.body).ok();
        let pointer = json.and_then(|json| pointer(&json, value, String::new()));
        candidates.extend(pointer.map(|pointer| quoted(&format!("json:{pointer}"))));
    }
    if looks_made(value) {
        let cookies = answer.headers.get_all(http::header::SET_COOKIE).iter();
        let names = cookies.filter_map(|line| line.to_str().ok()?.split_once('='));
        candidates.extend(names.map(|(name, _)| quoted(&format!("cookie:{}", name.trim()))));
        for header in answer.headers.keys() {
            if header.as_str().starts_with("x-") || header == http::header::ETAG {
                candidates.push(quoted(&format!("header:{header}")));
            }
        }
    }
    candidates
}

/// Returns whether a JSON answer has this value under this name at its top.
fn is_same(name: &str, value: &str, answer: &Answer) -> bool {
    let json = serde_json::from_slice::<Value>(&answer.body);
    json.is_ok_and(|json| json.get(name).and_then(Value::as_str) == Some(value))
}

/// Returns the JSON Pointer of the first string or number with this text.
fn pointer(json: &Value, value: &str, at: String) -> Option<String> {
    let is_it = match json {
        Value::String(text) => text == value,
        Value::Number(number) => number.to_string() == value,
        _ => false,
    };
    if is_it {
        return Some(at);
    }
    match json {
        Value::Array(list) => {
            let mut items = list.iter().enumerate();
            items.find_map(|(index, item)| pointer(item, value, format!("{at}/{index}")))
        }
        Value::Object(fields) => {
            let mut fields = fields.iter();
            fields.find_map(|(name, field)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointer(field, value, format!("{at}/{name}"))
            })
        }
        _ => None,
    }
}

/// Returns what a capture finds in an answer, as a run would.
fn found(capture: &str, answer: &Answer) -> Option<String> {
    let text = format!(
        "version = 1\nname = \"x\"\n[[phases]]\nname = \"p\"\nkind = \"constant\"\nrate = \"1/s\"\n\
         duration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\npath = \"/\"\n\
         capture = {{ v = {capture} }}"
    );
    let scenario = Scenario::parse(&text, Path::new("x.toml")).ok()?;
    let capture = scenario.requests.first()?.captures.first()?;
    capture.find(&ResponseParts {
        status: answer.status,
        url: "",
        headers: &answer.headers,
        body: &answer.body,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(media_type: &str, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", "xsrf=cookie-token-1; Path=/".parse().unwrap());
        Answer {
            status: 200,
            headers,
            body: body.as_bytes().to_vec(),
            media_type: media_type.to_owned(),
        }
    }

    #[test]
    fn captures_by_the_place_of_a_value() {
        let page = answer(
            "text/html",
            "<meta name=csrf-token content=meta-token-1><form><input name=csrf value=a></form>\
             <form><input name=csrf value=b></form>",
        );
        let json = answer(
            "application/json",
            r#"{"a/b":[{"id":12345678}],"name":"x"}"#,
        );
        for (answer, name, value, expected) in [
            (
                &page,
                "csrf",
                "a",
                Some(r#"{ css = 'input[name="csrf"]', attribute = "value" }"#),
            ),
            (
                &page,
                "csrf",
                "b",
                Some(r#"{ css = 'input[name="csrf"]', attribute = "value", nth = 2 }"#),
            ),
            (
                &page,
                "x-csrf-token",
                "meta-token-1",
                Some(r#"{ css = 'meta[name="csrf-token"]', attribute = "content" }"#),
            ),
            (
                &page,
                "x-xsrf-token",
                "cookie-token-1",
                Some("\"cookie:xsrf\""),
            ),
            (&page, "csrf", "c", None),
            (&json, "item", "12345678", Some("\"json:/a~1b/0/id\"")),
            (&json, "name", "x", Some("\"json:/name\"")),
            (&json, "other", "x", None),
        ] {
            assert_eq!(
                capture(name, value, answer).as_deref(),
                expected,
                "{name} {value}"
            );
        }
    }

    #[test]
    fn tells_made_values_from_typed_ones() {
        for made in ["8f14e45fceea167a", "flag-5b183c04", "eyJhbGciOi.J9x_1"] {
            assert!(looks_made(made), "{made}");
        }
        for typed in [
            "admin",
            "a longer text 1",
            "/admin/auth/group/1",
            "development",
            "12345",
        ] {
            assert!(!looks_made(typed), "{typed}");
        }
    }
}
