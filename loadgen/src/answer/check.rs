//! Checks of an answer.

use http::header::SET_COOKIE;
use serde_json::Value;
use tenfold_scenarios::{CheckTest, Expected, field_value, line_text};
use tenfold_secret::masked_value;

use crate::http::{BodyState, Kept};

/// The parts of an answer that checks read.
#[derive(Debug)]
pub(crate) struct AnswerView<'a> {
    kept: &'a Kept,
    body_bytes: u64,
    /// The body parsed as JSON, once a check needs it.
    json: Option<Result<Value, String>>,
}

impl<'a> AnswerView<'a> {
    /// A view of the kept parts of an answer, whose body had `body_bytes` as it was transferred.
    pub(crate) fn new(kept: &'a Kept, body_bytes: u64) -> Self {
        Self {
            kept,
            body_bytes,
            json: None,
        }
    }

    /// The reason why a check fails. `None` if it passes.
    pub(crate) fn fault(&mut self, test: &CheckTest) -> Option<String> {
        match test {
            CheckTest::Header(name, expected) => {
                let headers = &self.kept.headers;
                let text = |value: &str| Value::String(value.to_owned());
                let value = field_value(headers, name).map(|value| text(&value));
                let fault = fault_of(name.as_str(), value.as_ref(), expected)?;
                // The lines of `set-cookie` are values of their own.
                let mut lines = headers.get_all(name).iter();
                let any_line_passes = *name == SET_COOKIE
                    && lines.any(|line| {
                        let line = text(&line_text(line));
                        fault_of(name.as_str(), Some(&line), expected).is_none()
                    });
                (!any_line_passes).then(|| format!("header {name} {fault}"))
            }
            CheckTest::Json(pointer, expected) => {
                let document = match self.json() {
                    Ok(document) => document,
                    Err(reason) => return Some(reason.clone()),
                };
                fault_of(pointer, document.pointer(pointer), expected)
                    .map(|fault| format!("the JSON value at \"{pointer}\" {fault}"))
            }
            CheckTest::BodyContains(text) => {
                if let BodyState::Undecodable(reason) = &self.kept.state {
                    return Some(reason.clone());
                }
                let body = &self.kept.body;
                let found = body
                    .windows(text.len())
                    .any(|window| window == text.as_bytes());
                (!found).then(|| match self.kept.is_cut {
                    true => format!("its first {} bytes do not contain the text", body.len()),
                    false => self.with_state("the body does not contain the text".to_owned()),
                })
            }
            CheckTest::BodyBytes { min, max } => {
                let fits = (*min..=*max).contains(&self.body_bytes);
                (!fits).then(|| format!("the body has {} bytes", self.body_bytes))
            }
            CheckTest::Sha256(expected) => {
                let Some(found) = self.kept.sha256 else {
                    return Some("the decoded body is too long for its sha256".to_owned());
                };
                (found != *expected).then(|| {
                    let digits = found.iter().map(|byte| format!("{byte:02x}"));
                    self.with_state(format!(
                        "the body's sha256 is {}",
                        digits.collect::<String>()
                    ))
                })
            }
        }
    }

    /// The value that a check looks at, with possible secrets masked. `None` if there is none, or the
    /// check looks at the body as a whole.
    pub(crate) fn found(&mut self, test: &CheckTest) -> Option<String> {
        match test {
            CheckTest::Header(name, _) => {
                let text = field_value(&self.kept.headers, name)?;
                Some(masked_value(name.as_str(), &Value::String(text.into())))
            }
            CheckTest::Json(pointer, _) => {
                let value = self.json().as_ref().ok()?.pointer(pointer)?;
                Some(masked_value(pointer, value))
            }
            CheckTest::BodyBytes { .. } => Some(self.body_bytes.to_string()),
            _ => None,
        }
    }

    /// Adds why the body is not the content to a reason, if it is not.
    fn with_state(&self, reason: String) -> String {
        match self.kept.state.reason() {
            Some(state) => format!("{reason}: {state}"),
            None => reason,
        }
    }

    fn json(&mut self) -> &Result<Value, String> {
        let kept = self.kept;
        self.json.get_or_insert_with(|| {
            if let BodyState::Undecodable(reason) = &kept.state {
                return Err(reason.clone());
            }
            if kept.is_cut {
                return Err(format!(
                    "the body is longer than the {} bytes that checks can read",
                    kept.body.len()
                ));
            }
            let body = kept.body.strip_prefix(BOM).unwrap_or(&kept.body);
            serde_json::from_slice(body).map_err(|_| match kept.state.reason() {
                Some(reason) => format!("the body is not JSON: {reason}"),
                None => "the body is not JSON".to_owned(),
            })
        })
    }
}

/// Byte order mark, which a parser may ignore (RFC 8259, section 8.1).
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The reason why the value of a header or at a JSON Pointer is not as expected. `None` if it is.
/// Possible secrets are masked.
fn fault_of(name: &str, value: Option<&Value>, expected: &Expected) -> Option<String> {
    let Some(value) = value else {
        return match expected {
            Expected::Exists(false) => None,
            _ => Some("is missing".to_owned()),
        };
    };
    let passes = match expected {
        Expected::Exists(exists) => *exists,
        Expected::Equals(wanted) => equal(value, wanted),
        Expected::Contains(text) => match value {
            Value::String(found) => found.contains(text),
            Value::Array(items) => items.iter().any(|item| item.as_str() == Some(text)),
            _ => false,
        },
        Expected::Between { min, max } => {
            number(value).is_some_and(|number| (*min..=*max).contains(&number))
        }
    };
    (!passes).then(|| format!("is {}", masked_value(name, value)))
}

/// Compares values. Numbers are compared by value: 1 equals 1.0, and a header's text may be a number.
fn equal(value: &Value, wanted: &Value) -> bool {
    if wanted.is_number() {
        return match (whole(value), whole(wanted)) {
            (Some(value), Some(wanted)) => value == wanted,
            _ => number(value) == wanted.as_f64(),
        };
    }
    value == wanted
}

/// A whole number, exactly.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::{HeaderMap, HeaderName, HeaderValue};
    use tenfold_scenarios::Scenario;

    use super::*;

    const BODY: &str = r#"{"id":7,"name":"ann","tags":["a","b"],"ratio":0.5,"none":null}"#;

    fn kept(headers: HeaderMap, body: &[u8]) -> Kept {
        Kept {
            headers,
            body: body.to_vec(),
            ..Kept::default()
        }
    }

    /// The faults that checks, in TOML, find in a fixed answer.
    fn faults(checks: &str) -> Vec<Option<String>> {
        let text = format!(
            "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
             path = \"/\"\nchecks = [{checks}]"
        );
        let scenario = Scenario::parse(&text, Path::new("x.toml")).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        headers.insert("age", "12".parse().unwrap());
        for (name, value) in [
            ("vary", "Accept-Encoding"),
            ("vary", "Origin"),
            ("set-cookie", "a=1; Path=/"),
            ("set-cookie", "sid=2"),
        ] {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let kept = Kept {
            sha256: Some([0xab; 32]),
            ..kept(headers, BODY.as_bytes())
        };
        let mut evidence = AnswerView::new(&kept, BODY.len() as u64);
        let checks = &scenario.requests[0].checks;
        checks
            .iter()
            .map(|check| evidence.fault(&check.test))
            .collect()
    }

    #[test]
    fn passing_checks_find_no_fault() {
        let checks = format!(
            r#"
            {{ header = "content-type", contains = "json" }},
            {{ header = "Content-Type", equals = "application/json" }},
            {{ header = "x-none", exists = false }},
            {{ header = "age", min = 12, max = 12 }},
            {{ header = "vary", contains = "Origin" }},
            {{ header = "vary", equals = "Accept-Encoding, Origin" }},
            {{ header = "set-cookie", contains = "sid=" }},
            {{ header = "set-cookie", equals = "sid=2" }},
            {{ json = "/id", equals = 7 }},
            {{ json = "/id", exists = true }},
            {{ json = "/ratio", equals = 0.5 }},
            {{ json = "/name", contains = "nn" }},
            {{ json = "/tags", contains = "b" }},
            {{ json = "/tags/2", exists = false }},
            {{ json = "/none", exists = true }},
            {{ json = "/id", min = 7 }},
            {{ body_contains = "ann" }},
            {{ body_bytes = {{ min = 1 }} }},
            {{ body_bytes = {} }},
            {{ sha256 = "{}" }},
            "#,
            BODY.len(),
            "ab".repeat(32)
        );
        let faults = faults(&checks);
        assert_eq!(faults.len(), 20);
        assert!(faults.iter().all(Option::is_none), "{faults:?}");
    }

    #[test]
    fn failing_checks_name_the_value_found() {
        let checks = format!(
            r#"
            {{ header = "content-type", contains = "html" }},
            {{ header = "x-none", exists = true }},
            {{ header = "age", max = 11 }},
            {{ header = "vary", equals = "Origin" }},
            {{ header = "set-cookie", contains = "b=" }},
            {{ json = "/id", equals = 8 }},
            {{ json = "/id", equals = "7" }},
            {{ json = "/missing", min = 1 }},
            {{ json = "/name", min = 1 }},
            {{ body_contains = "bob" }},
            {{ body_bytes = {{ max = 3 }} }},
            {{ sha256 = "{}" }},
            "#,
            "cd".repeat(32)
        );
        let reasons: Vec<String> = faults(&checks)
            .into_iter()
            .map(|fault| fault.expect("each check fails"))
            .collect();
        insta::assert_snapshot!(reasons.join("\n"));
    }

    #[test]
    fn faults_mask_secrets() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", "SECK1".parse().unwrap());
        headers.insert("location", "/a?token=SECK2&b=1".parse().unwrap());
        let body = br#"{"access_token":"SECK3","pin":1234,"user":{"password":"SECK4","id":1}}"#;
        let kept = kept(headers, body);
        let mut evidence = AnswerView::new(&kept, body.len() as u64);
        let mut fault = |test: CheckTest| evidence.fault(&test).unwrap();
        let wanted = || Expected::Equals(Value::from("x"));
        let header = |name: &str| CheckTest::Header(name.parse().unwrap(), wanted());
        let json = |pointer: &str| CheckTest::Json(pointer.to_owned(), wanted());
        let reasons = [
            fault(header("x-api-key")),
            fault(header("location")),
            fault(json("/access_token")),
            fault(json("/pin")),
            fault(json("/user")),
            fault(json("/user/id")),
        ];
        assert_eq!(
            reasons,
            [
                "header x-api-key is ***",
                "header location is \"/a?token=***&b=1\"",
                "the JSON value at \"/access_token\" is ***",
                "the JSON value at \"/pin\" is ***",
                "the JSON value at \"/user\" is {\"id\":1,\"password\":\"***\"}",
                "the JSON value at \"/user/id\" is 1",
            ]
        );
    }

    #[test]
    fn truncated_or_invalid_json_fails() {
        let cut = Kept {
            is_cut: true,
            ..kept(HeaderMap::new(), b"{}")
        };
        let test = CheckTest::Json(String::new(), Expected::Exists(true));
        let fault = AnswerView::new(&cut, 3).fault(&test);
        assert!(fault.unwrap().contains("longer"));
        let html = kept(HeaderMap::new(), b"<html>");
        assert_eq!(
            AnswerView::new(&html, 6).fault(&test).as_deref(),
            Some("the body is not JSON")
        );
    }

    #[test]
    fn faults_name_the_coding() {
        let json = CheckTest::Json(String::new(), Expected::Exists(true));
        let contains = CheckTest::BodyContains("x".to_owned());
        let encoded = Kept {
            state: BodyState::Encoded("the body is encoded with br".to_owned()),
            ..kept(HeaderMap::new(), b"\x0b")
        };
        let mut view = AnswerView::new(&encoded, 1);
        assert_eq!(
            [view.fault(&json), view.fault(&contains)].map(Option::unwrap),
            [
                "the body is not JSON: the body is encoded with br",
                "the body does not contain the text: the body is encoded with br",
            ]
        );
        // Its bytes are not the content, even if they look like it.
        let undecodable = Kept {
            state: BodyState::Undecodable("could not be decoded".to_owned()),
            ..kept(HeaderMap::new(), b"\"x\"")
        };
        let mut view = AnswerView::new(&undecodable, 3);
        assert_eq!(
            [view.fault(&json), view.fault(&contains)].map(Option::unwrap),
            ["could not be decoded", "could not be decoded"]
        );
    }
}
