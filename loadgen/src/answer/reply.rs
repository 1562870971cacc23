//! The answer as a journey written in Rust sees it.

use http::HeaderMap;

use crate::failure::Failure;
use crate::http::Answer;

/// An answer, or the want of one.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status; 0 where no answer came.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The first MiB of its body.
    pub body: Vec<u8>,
    /// How long the whole body is.
    pub body_bytes: u64,
    /// Why the request failed; none where it is as the scenario expects and all checks passed.
    pub failure: Option<Failure>,
}

impl Reply {
    pub(crate) fn new(answer: Option<&Answer>, failure: Option<Failure>) -> Self {
        let Some(answer) = answer else {
            return Self {
                status: 0,
                headers: HeaderMap::new(),
                body: Vec::new(),
                body_bytes: 0,
                failure,
            };
        };
        let kept = answer.kept.clone().unwrap_or_default();
        Self {
            status: answer.status,
            headers: kept.headers,
            body: kept.body,
            body_bytes: answer.body_bytes,
            failure,
        }
    }

    /// The value at a JSON Pointer (RFC 6901) in the body; none where there is none, or no JSON.
    pub fn json(&self, pointer: &str) -> Option<serde_json::Value> {
        let mut document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        document.pointer_mut(pointer).map(serde_json::Value::take)
    }
}
