//! Checks of an answer.

use http::HeaderMap;
use serde_json::Value;
use tenfold_scenarios::{CheckTest, Expected};
use tenfold_secret::masked_value;

/// The parts of an answer that checks read.
#[derive(Debug)]
pub(crate) struct AnswerView<'a> {
    headers: &'a HeaderMap,
    body: &'a [u8],
    body_bytes: u64,
    sha256: Option<[u8; 32]>,
    /// The body parsed as JSON, once a check needs it.
    json: Option<Result<Value, String>>,
}

impl<'a> AnswerView<'a> {
    /// `body` is the kept part of a body of `body_bytes`.
    pub(crate) fn new(
        headers: &'a HeaderMap,
        body: &'a [u8],
        body_bytes: u64,
        sha256: Option<[u8; 32]>,
    ) -> Self {
        Self {
            headers,
            body,
            body_bytes,
            sha256,
            json: None,
        }
    }

    /// The reason why a check fails. `None` if it passes.
    pub(crate) fn fault(&mut self, test: &CheckTest) -> Option<String> {
        match test {
            CheckTest::Header(name, expected) => {
                let value = self.headers.get(name).map(|value| {
                    Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())
                });
                fault_of(name.as_str(), value.as_ref(), expected)
                    .map(|fault| format!("header {name} {fault}"))
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
                let found = self
                    .body
                    .windows(text.len())
                    .any(|window| window == text.as_bytes());
                (!found).then(|| match self.is_cut() {
                    true => format!(
                        "its first {} bytes do not contain the text",
                        self.body.len()
                    ),
                    false => "the body does not contain the text".to_owned(),
                })
            }
            CheckTest::BodyBytes { min, max } => {
                let fits = (*min..=*max).contains(&self.body_bytes);
                (!fits).then(|| format!("the body has {} bytes", self.body_bytes))
            }
            CheckTest::Sha256(expected) => {
                let found = self.sha256.unwrap_or_default();
                (found != *expected).then(|| {
                    let digits = found.iter().map(|byte| format!("{byte:02x}"));
                    format!("the body's sha256 is {}", digits.collect::<String>())
                })
            }
        }
    }

    /// The value that a check looks at, with possible secrets masked. `None` if there is none, or the
    /// check looks at the body as a whole.
    pub(crate) fn found(&mut self, test: &CheckTest) -> Option<String> {
        match test {
            CheckTest::Header(name, _) => {
                let value = self.headers.get(name)?;
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                Some(masked_value(name.as_str(), &Value::String(text)))
            }
            CheckTest::Json(pointer, _) => {
                let value = self.json().as_ref().ok()?.pointer(pointer)?;
                Some(masked_value(pointer, value))
            }
            CheckTest::BodyBytes { .. } => Some(self.body_bytes.to_string()),
            _ => None,
        }
    }

    fn is_cut(&self) -> bool {
        self.body_bytes > self.body.len() as u64
    }

    fn json(&mut self) -> &Result<Value, String> {
        let (is_cut, body) = (self.is_cut(), self.body);
        self.json.get_or_insert_with(|| {
            if is_cut {
                return Err(format!(
                    "the body is longer than the {} bytes that checks can read",
                    body.len()
                ));
            }
            serde_json::from_slice(body).map_err(|_| "the body is not JSON".to_owned())
        })
    }
}

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
        return match (value.as_i64(), wanted.as_i64()) {
            (Some(value), Some(wanted)) => value == wanted,
            _ => number(value) == wanted.as_f64(),
        };
    }
    value == wanted
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

    use tenfold_scenarios::Scenario;

    use super::*;

    const BODY: &str = r#"{"id":7,"name":"ann","tags":["a","b"],"ratio":0.5,"none":null}"#;

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
        let sum = [0xab; 32];
        let mut evidence = AnswerView::new(&headers, BODY.as_bytes(), BODY.len() as u64, Some(sum));
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
        assert_eq!(faults.len(), 16);
        assert!(faults.iter().all(Option::is_none), "{faults:?}");
    }

    #[test]
    fn failing_checks_name_the_value_found() {
        let checks = format!(
            r#"
            {{ header = "content-type", contains = "html" }},
            {{ header = "x-none", exists = true }},
            {{ header = "age", max = 11 }},
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
        let mut evidence = AnswerView::new(&headers, body, body.len() as u64, None);
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
        let headers = HeaderMap::new();
        let mut evidence = AnswerView::new(&headers, b"{}", 3, None);
        let test = CheckTest::Json(String::new(), Expected::Exists(true));
        assert!(evidence.fault(&test).unwrap().contains("longer"));
        let mut evidence = AnswerView::new(&headers, b"<html>", 6, None);
        assert_eq!(
            evidence.fault(&test).as_deref(),
            Some("the body is not JSON")
        );
    }
}
