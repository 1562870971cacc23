//! Checks of an answer.

use http::header::SET_COOKIE;
use serde_json::Value;
use serde_json::value::RawValue;
use tenfold_scenarios::{CheckTest, Decimal, Expected, Scalar, field_value, json_value, line_text};
use tenfold_secret::{masked_json_value, masked_value};

use crate::http::{BodyState, Kept};

/// The parts of an answer that checks read.
#[derive(Debug)]
pub(crate) struct AnswerView<'a> {
    kept: &'a Kept,
    body_bytes: u64,
}

/// A value that a check looks at.
#[derive(Debug, Clone, Copy)]
enum Found<'a> {
    /// Value of a header.
    Text(&'a str),
    /// JSON, as it is written.
    Json(&'a str),
}

impl<'a> AnswerView<'a> {
    /// A view of the kept parts of an answer, whose body had `body_bytes` as it was transferred.
    pub(crate) fn new(kept: &'a Kept, body_bytes: u64) -> Self {
        Self { kept, body_bytes }
    }

    /// The reason why a check fails. `None` if it passes.
    pub(crate) fn fault(&self, test: &CheckTest) -> Option<String> {
        match test {
            CheckTest::Header(name, expected) => {
                let headers = &self.kept.headers;
                let value = field_value(headers, name);
                let value = value.as_deref().map(Found::Text);
                let fault = fault_of(name.as_str(), value, expected)?;
                // The lines of `set-cookie` are values of their own.
                let mut lines = headers.get_all(name).iter();
                let any_line_passes = *name == SET_COOKIE
                    && lines.any(|line| {
                        let line = line_text(line);
                        fault_of(name.as_str(), Some(Found::Text(&line)), expected).is_none()
                    });
                (!any_line_passes).then(|| format!("header {name} {fault}"))
            }
            CheckTest::Json(pointer, expected) => {
                let value = match self.json(pointer) {
                    Ok(value) => value,
                    Err(reason) => return Some(reason),
                };
                fault_of(pointer, value, expected)
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
    pub(crate) fn found(&self, test: &CheckTest) -> Option<String> {
        match test {
            CheckTest::Header(name, _) => {
                let text = field_value(&self.kept.headers, name)?;
                Some(Found::Text(&text).masked(name.as_str()))
            }
            CheckTest::Json(pointer, _) => {
                let value = self.json(pointer).ok()??;
                Some(value.masked(pointer))
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

    /// The value at a JSON Pointer in the body. `None` if it is missing.
    ///
    /// # Errors
    /// The reason why the body can't be read as JSON.
    fn json(&self, pointer: &str) -> Result<Option<Found<'a>>, String> {
        let kept = self.kept;
        if let BodyState::Undecodable(reason) = &kept.state {
            return Err(reason.clone());
        }
        if kept.is_cut {
            return Err(format!(
                "the body is longer than the {} bytes that checks can read",
                kept.body.len()
            ));
        }
        match json_value(&kept.body, pointer) {
            Ok(value) => Ok(value.map(Found::Json)),
            Err(_) => Err(self.with_state("the body is not JSON".to_owned())),
        }
    }
}

impl Found<'_> {
    /// Formats the value as JSON, with possible secrets masked.
    fn masked(self, location: &str) -> String {
        match self {
            Self::Text(text) => masked_value(location, &Value::String(text.to_owned())),
            Self::Json(json) => masked_json_value(location, json),
        }
    }

    /// The value. A number beyond the range of a double makes it `None`.
    fn parsed(self) -> Option<Value> {
        match self {
            Self::Text(text) => Some(Value::String(text.to_owned())),
            Self::Json(json) => serde_json::from_str(json).ok(),
        }
    }

    /// The number: of JSON, of a header, or of a text in JSON. `None` if it is none.
    fn number(self) -> Option<Decimal> {
        match self {
            Self::Text(text) => Decimal::parse(text),
            Self::Json(json) if json.starts_with('"') => {
                let text: String = serde_json::from_str(json).ok()?;
                Decimal::parse(&text)
            }
            Self::Json(json) => Decimal::parse(json),
        }
    }

    fn equals(self, wanted: &Scalar) -> bool {
        match wanted {
            Scalar::Number(wanted) => self.number().is_some_and(|number| number == *wanted),
            Scalar::Flag(wanted) => self.parsed() == Some(Value::Bool(*wanted)),
            Scalar::Text(wanted) => match self {
                Self::Text(text) => text == wanted,
                Self::Json(json) => {
                    json.starts_with('"') && self.parsed().is_some_and(|value| value == *wanted)
                }
            },
        }
    }

    /// Returns true if the value has a text: within a text, or as an element of a list.
    fn contains(self, text: &str) -> bool {
        let json = match self {
            Self::Text(found) => return found.contains(text),
            Self::Json(json) => json,
        };
        match json.as_bytes().first() {
            Some(b'"') => {
                serde_json::from_str::<String>(json).is_ok_and(|found| found.contains(text))
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
                let wanted = Scalar::Text(text.to_owned());
                let mut items = items.into_iter();
                items.any(|item| Found::Json(item.get()).equals(&wanted))
            }
            _ => false,
        }
    }
}

/// The reason why the value of a header or at a JSON Pointer is not as expected. `None` if it is.
/// Possible secrets are masked.
fn fault_of(name: &str, value: Option<Found<'_>>, expected: &Expected) -> Option<String> {
    let Some(value) = value else {
        return match expected {
            Expected::Exists(false) => None,
            _ => Some("is missing".to_owned()),
        };
    };
    let passes = match expected {
        Expected::Exists(exists) => *exists,
        Expected::Equals(wanted) => value.equals(wanted),
        Expected::Contains(text) => value.contains(text),
        Expected::Between { min, max } => value.number().is_some_and(|number| {
            min.as_ref().is_none_or(|min| *min <= number)
                && max.as_ref().is_none_or(|max| number <= *max)
        }),
    };
    (!passes).then(|| format!("is {}", value.masked(name)))
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
        let evidence = AnswerView::new(&kept, BODY.len() as u64);
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
        let evidence = AnswerView::new(&kept, body.len() as u64);
        let fault = |test: CheckTest| evidence.fault(&test).unwrap();
        let wanted = || Expected::Equals(Scalar::Text("x".to_owned()));
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
    fn compares_numbers_digit_for_digit() {
        const BODY: &str = r#"{"id":123456789012345678901234567890,"far":1E400,"one":1.0,"hundred":1e2,
            "odd":9007199254740993,"text":"12.50","list":[1e400,"a"],"user":{"far":1E400,"pin":1}}"#;
        let kept = kept(HeaderMap::new(), BODY.as_bytes());
        let faults = |checks: &str| -> Vec<Option<String>> {
            let text = format!(
                "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
                 rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
                 path = \"/\"\nchecks = [{checks}]"
            );
            let scenario = Scenario::parse(&text, Path::new("x.toml")).unwrap();
            let view = AnswerView::new(&kept, BODY.len() as u64);
            let checks = &scenario.requests[0].checks;
            checks.iter().map(|check| view.fault(&check.test)).collect()
        };
        let passing = faults(
            r#"
            { json = "/id", equals = 123456789012345678901234567890 },
            { json = "/id", min = 123456789012345678901234567890, max = 123456789012345678901234567890.0 },
            { json = "/far", equals = 1e400 },
            { json = "/far", min = 1e399 },
            { json = "/far", exists = true },
            { json = "/far/x", exists = false },
            { json = "/one", equals = 1 },
            { json = "/hundred", equals = 100 },
            { json = "/odd", equals = 9007199254740993 },
            { json = "/text", equals = 12.5 },
            { json = "/text", equals = "12.50" },
            { json = "/list", contains = "a" },
            "#,
        );
        assert!(passing.iter().all(Option::is_none), "{passing:?}");
        let failing: Vec<String> = faults(
            r#"
            { json = "/id", equals = 123456789012345678901234567891 },
            { json = "/id", max = 123456789012345678901234567889 },
            { json = "/odd", equals = 9007199254740992 },
            { json = "/odd", max = 9007199254740992 },
            { json = "/far", equals = 1e401 },
            { json = "/far", equals = true },
            { json = "/one", equals = "1.0" },
            { json = "/list", contains = "1e400" },
            { json = "/user", equals = 1 },
            "#,
        )
        .into_iter()
        .map(|fault| fault.expect("each check fails"))
        .collect();
        insta::assert_snapshot!(failing.join("\n"), @r#"
        the JSON value at "/id" is 123456789012345678901234567890
        the JSON value at "/id" is 123456789012345678901234567890
        the JSON value at "/odd" is 9007199254740993
        the JSON value at "/odd" is 9007199254740993
        the JSON value at "/far" is 1E400
        the JSON value at "/far" is 1E400
        the JSON value at "/one" is 1.0
        the JSON value at "/list" is [1e400,"a"]
        the JSON value at "/user" is {"far":1E400,"pin":"***"}
        "#);
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
        let view = AnswerView::new(&encoded, 1);
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
        let view = AnswerView::new(&undecodable, 3);
        assert_eq!(
            [view.fault(&json), view.fault(&contains)].map(Option::unwrap),
            ["could not be decoded", "could not be decoded"]
        );
    }
}
