//! Takes variables out of an answer.

use http::HeaderMap;
use http::header::SET_COOKIE;
use tenfold_scenarios::{Capture, CaptureSource, Needs, Request, Variables};

use crate::connection::Answer;
use crate::response_reader::{Keep, Kept};

/// Bytes of a body that a journey in code is given.
const WHOLE_BODY_BYTES: usize = 1024 * 1024;

/// What of an answer a request needs for its captures, checks and script.
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
    }
}

/// What of an answer a journey in code is given.
pub(crate) fn keep_all(request: &Request) -> Keep {
    Keep {
        headers: true,
        body_limit: WHOLE_BODY_BYTES,
        ..keep_for(request)
    }
}

/// Takes every variable that `captures` names out of an answer; fails with the first that is not
/// there.
pub(crate) fn capture(
    captures: &[Capture],
    answer: &Answer,
    variables: &mut Variables,
) -> Result<(), String> {
    let Some(Kept { headers, body, .. }) = &answer.kept else {
        return Ok(());
    };
    for capture in captures {
        let (value, what) = match &capture.source {
            CaptureSource::JsonPointer(pointer) => {
                (json(body, pointer), format!("JSON value at {pointer}"))
            }
            CaptureSource::Header(name) => {
                let text = headers.get(name).and_then(|value| value.to_str().ok());
                (text.map(str::to_owned), format!("header {name}"))
            }
            CaptureSource::Cookie(name) => (cookie(headers, name), format!("cookie {name}")),
        };
        let value = value.ok_or_else(|| format!("the answer has no {what}"))?;
        variables.set(capture.variable, value);
    }
    Ok(())
}

fn json(body: &[u8], pointer: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    match document.pointer(pointer)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Null => None,
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
    use super::*;

    #[test]
    fn json_values_become_text() {
        let body = br#"{"token":"abc","user":{"id":7},"none":null}"#;
        assert_eq!(json(body, "/token").as_deref(), Some("abc"));
        assert_eq!(json(body, "/user/id").as_deref(), Some("7"));
        assert_eq!(json(body, "/none"), None);
        assert_eq!(json(b"<html>", "/token"), None);
    }

    #[test]
    fn a_cookie_is_found_among_several() {
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
