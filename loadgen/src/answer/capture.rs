//! Captures: variables set from an answer.

use http::HeaderMap;
use http::header::SET_COOKIE;
use serde_json::Value;
use tenfold_scenarios::{Capture, CaptureSource, Needs, Request, Variables};

use crate::http::{Answer, Keep, Kept};

/// Bytes of a body that a journey written in Rust can see.
const CODE_BODY_BYTES: usize = 1024 * 1024;

/// The parts of an answer that a request's captures, checks and script need.
pub(crate) fn keep_for(request: &Request) -> Keep {
    let Needs {
        headers,
        body_bytes,
        sha256,
    } = request.needs;
    Keep {
        headers,
        body_limit: body_bytes,
        sha256,
        events: request.event_stream.is_some(),
    }
}

/// The parts of an answer that a journey written in Rust can see.
pub(crate) fn keep_all(request: &Request) -> Keep {
    Keep {
        headers: true,
        body_limit: CODE_BODY_BYTES,
        ..keep_for(request)
    }
}

/// The values that the captures of a request found in an answer.
#[derive(Debug)]
pub(crate) struct Captured<'a> {
    found: Vec<(&'a Capture, Option<String>)>,
    /// True if the body is longer than its kept part.
    is_cut: bool,
}

/// Searches an answer for the values that `captures` name. Finds nothing if the answer was not kept.
pub(crate) fn capture<'a>(captures: &'a [Capture], answer: &Answer) -> Captured<'a> {
    let Some(Kept { headers, body, .. }) = &answer.kept else {
        return Captured {
            found: Vec::new(),
            is_cut: false,
        };
    };
    // Parse the body once for all captures.
    let mut document: Option<Option<Value>> = None;
    let found = captures.iter().map(|capture| {
        let value = match &capture.source {
            CaptureSource::JsonPointer(pointer) => document
                .get_or_insert_with(|| serde_json::from_slice(body).ok())
                .as_ref()
                .and_then(|document| json(document, pointer)),
            CaptureSource::Header(name) => {
                let text = headers.get(name).and_then(|value| value.to_str().ok());
                text.map(str::to_owned)
            }
            CaptureSource::Cookie(name) => cookie(headers, name),
        };
        (capture, value)
    });
    Captured {
        found: found.collect(),
        is_cut: answer.body_bytes > body.len() as u64,
    }
}

impl<'a> Captured<'a> {
    /// Sets the variables that were found and clears the others, so that a value of an earlier answer
    /// is not mistaken for one of this.
    pub(crate) fn store(&self, variables: &mut Variables) {
        for (capture, value) in &self.found {
            match value {
                Some(value) => variables.set(capture.variable, value.clone()),
                None => variables.unset(capture.variable),
            }
        }
    }

    /// Every capture that is not optional, with the reason if it failed.
    pub(crate) fn required(&self) -> impl Iterator<Item = (&'a Capture, Option<String>)> + '_ {
        let required = self.found.iter().filter(|(capture, _)| !capture.optional);
        required.map(|(capture, value)| {
            let fault = value.is_none().then(|| self.fault(&capture.source));
            (*capture, fault)
        })
    }

    /// The values that were found.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.found.iter().filter_map(|(_, value)| value.as_deref())
    }

    fn fault(&self, source: &CaptureSource) -> String {
        let cut = match source {
            CaptureSource::JsonPointer(_) if self.is_cut => {
                ": its body is longer than captures can read"
            }
            _ => "",
        };
        format!("the answer has no {source}{cut}")
    }
}

fn json(document: &Value, pointer: &str) -> Option<String> {
    match document.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get_all(SET_COOKIE).iter().find_map(|value| {
        let pair = value.to_str().ok()?.split(';').next()?;
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tenfold_scenarios::Scenario;

    use super::*;

    #[test]
    fn json_values_become_text() {
        let document = serde_json::json!({"token":"abc","user":{"id":7},"none":null});
        assert_eq!(json(&document, "/token").as_deref(), Some("abc"));
        assert_eq!(json(&document, "/user/id").as_deref(), Some("7"));
        assert_eq!(json(&document, "/none"), None);
    }

    #[test]
    fn missing_capture_keeps_the_others() {
        let scenario = Scenario::parse(
            "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"1/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
             path = \"/\"\n[requests.capture]\na = \"json:/a\"\nb = \"header:x-b\"\n\
             c = { from = \"cookie:c\", optional = true }\nd = \"json:/d\"",
            Path::new("x.toml"),
        )
        .unwrap();
        let captures = &scenario.requests[0].captures;
        let with = |kept: Option<Kept>, body_bytes: u64| Answer {
            status: 200,
            first_byte_ns: 0,
            done_ns: 0,
            read_lag_ns: None,
            body_bytes,
            kept,
        };
        let answer = |body: &str, body_bytes: u64| {
            let kept = Kept {
                body: body.as_bytes().to_vec(),
                ..Kept::default()
            };
            with(Some(kept), body_bytes)
        };
        let faults = |captured: &Captured<'_>| -> Vec<String> {
            let required = captured.required();
            required
                .map(|(capture, fault)| format!("{}: {}", capture.name, fault.unwrap_or_default()))
                .collect()
        };
        let mut variables = scenario.variables();
        let ids = ["a", "b", "c", "d"].map(|name| scenario.variable(name).unwrap());
        ids.iter()
            .for_each(|id| variables.set(*id, "old".to_owned()));
        let found = answer(r#"{"d":2}"#, 7);
        let captured = capture(captures, &found);
        captured.store(&mut variables);
        assert_eq!(
            ids.map(|id| variables.get(id)),
            [None, None, None, Some("2")]
        );
        assert_eq!(
            faults(&captured),
            [
                "a: the answer has no JSON value at \"/a\"",
                "b: the answer has no header x-b",
                "d: ",
            ]
        );
        let cut = answer("{", 9);
        let captured = capture(captures, &cut);
        assert!(faults(&captured)[0].ends_with("longer than captures can read"));
        let none = with(None, 0);
        assert_eq!(capture(captures, &none).required().count(), 0);
    }

    #[test]
    fn finds_cookie_among_several() {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, "theme=dark; Path=/".parse().unwrap());
        headers.append(
            SET_COOKIE,
            "session=s3cret; HttpOnly; Path=/".parse().unwrap(),
        );
        assert_eq!(cookie(&headers, "session").as_deref(), Some("s3cret"));
        assert_eq!(cookie(&headers, "sess"), None);
    }
}
