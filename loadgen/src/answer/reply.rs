//! An answer, as a journey written in Rust sees it.

use http::HeaderMap;

use crate::failure::Failure;
use crate::http::Answer;

/// The answer to a call, or its failure.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status; 0 without an answer.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The first MiB of its body.
    pub body: Vec<u8>,
    /// Length of the whole body.
    pub body_bytes: u64,
    /// Why the request failed. `None` if the answer is as the scenario expects and all checks passed.
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

    /// The value at a JSON Pointer (RFC 6901) in the body. `None` if it is missing or the body is not
    /// JSON.
    pub fn json(&self, pointer: &str) -> Option<serde_json::Value> {
        let mut document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        document.pointer_mut(pointer).map(serde_json::Value::take)
    }
}
