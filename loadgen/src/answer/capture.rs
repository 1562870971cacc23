//! Captures: variables set from an answer.

use tenfold_scenarios::{Capture, CaptureSource, Needs, Request, ResponseParts, Variables};
use url::Url;

use crate::http::{Answer, BodyState, Keep, KeepMessages};

/// Bytes of a body that a journey written in Rust can see.
const CODE_BODY_BYTES: usize = 1024 * 1024;

/// The parts of an answer that a request's captures, checks and script need.
pub(crate) fn keep_for(request: &Request) -> Keep {
    let Needs {
        headers,
        body_bytes,
        sha256,
        decode,
    } = request.needs;
    Keep {
        headers,
        body_limit: body_bytes,
        sha256,
        decode,
        events: request.event_stream.is_some(),
        messages: None,
    }
}

/// The parts of an answer that a journey written in Rust can see.
pub(crate) fn keep_all(request: &Request) -> Keep {
    Keep {
        headers: true,
        body_limit: CODE_BODY_BYTES,
        messages: request.grpc.as_ref().map(|_| KeepMessages::All),
        ..keep_for(request)
    }
}

/// The values that the captures of a request found in an answer.
#[derive(Debug)]
pub(crate) struct Captured<'a> {
    found: Vec<(&'a Capture, Option<String>)>,
    /// True if the body is longer than its kept part.
    is_cut: bool,
    /// Why the kept body is not the content. `None` if it is.
    state: BodyState,
}

/// Searches an answer for the values that `captures` name. Finds nothing if the answer was not kept. `url`
/// returns the URL that it came from.
pub(crate) fn capture<'a>(
    captures: &'a [Capture],
    answer: &Answer,
    url: impl Fn() -> String,
) -> Captured<'a> {
    let Some(kept) = answer.kept.as_ref().filter(|_| !captures.is_empty()) else {
        return Captured {
            found: Vec::new(),
            is_cut: false,
            state: BodyState::Content,
        };
    };
    let uses_url = |capture: &Capture| capture.source == CaptureSource::Url || capture.resolve;
    let url = match captures.iter().any(uses_url) {
        true => url(),
        false => String::new(),
    };
    let parts = ResponseParts {
        status: answer.status,
        url: &url,
        headers: &kept.headers,
        body: match &kept.state {
            BodyState::Undecodable(_) => &[],
            BodyState::Content | BodyState::Encoded(_) => &kept.body,
        },
    };
    let found = captures.iter().map(|capture| {
        let value = capture.find(&parts);
        let value = match capture.resolve {
            true => value.and_then(|link| resolved(&link, parts.url)),
            false => value,
        };
        (capture, value)
    });
    Captured {
        found: found.collect(),
        is_cut: kept.is_cut,
        state: kept.state.clone(),
    }
}

/// Resolves a link against the URL of the page that has it (RFC 3986, section 5). Drops its fragment. `None` if it is
/// not a URL.
fn resolved(link: &str, page: &str) -> Option<String> {
    let mut url = Url::parse(page).ok()?.join(link.trim()).ok()?;
    url.set_fragment(None);
    Some(url.into())
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
            let fault = value.is_none().then(|| self.fault(capture));
            (*capture, fault)
        })
    }

    /// Every capture, with its value if there is one.
    pub(crate) fn found(&self) -> impl Iterator<Item = (&'a Capture, Option<&str>)> {
        let found = self.found.iter();
        found.map(|(capture, value)| (*capture, value.as_deref()))
    }

    /// The values that were found.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.found.iter().filter_map(|(_, value)| value.as_deref())
    }

    /// Why a capture found nothing.
    pub(crate) fn fault(&self, capture: &Capture) -> String {
        let reason = match self.state.reason() {
            _ if !capture.source.is_in_body() => String::new(),
            Some(reason) => format!(": {reason}"),
            None if self.is_cut => ": its body is longer than captures can read".to_owned(),
            None => String::new(),
        };
        format!("the answer has no {capture}{reason}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tenfold_scenarios::Scenario;

    use super::*;
    use crate::http::Kept;

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
                is_cut: body_bytes > body.len() as u64,
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
        let url = || "http://a.example/".to_owned();
        let captured = capture(captures, &found, url);
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
        let captured = capture(captures, &cut, url);
        assert!(faults(&captured)[0].ends_with("longer than captures can read"));
        let mut encoded = answer("x", 1);
        let kept = encoded.kept.as_mut().unwrap();
        kept.state = BodyState::Encoded("the body is encoded with gzip".to_owned());
        assert_eq!(
            faults(&capture(captures, &encoded, url))[..2],
            [
                "a: the answer has no JSON value at \"/a\": the body is encoded with gzip",
                "b: the answer has no header x-b",
            ]
        );
        let none = with(None, 0);
        assert_eq!(capture(captures, &none, url).required().count(), 0);
    }
}
