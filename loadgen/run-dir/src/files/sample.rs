//! `samples.json`: what came back where a request failed, a few of each kind.

use serde::{Deserialize, Serialize};

/// An answer that was not as it should be, with what is secret in it masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The request's name.
    pub request: String,
    /// The class of the failure: `unexpected_status`, `failed_check`, `missing_capture`, `script` or
    /// `script_timeout`.
    pub failure: String,
    /// The check or the capture that failed, by name; none where it was neither.
    pub check: Option<String>,
    /// What was found in place of what should be.
    pub reason: String,
    /// When the answer was whole.
    pub at_ns: u64,
    /// Its status; none where the request was not sent.
    pub status: Option<u16>,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// The beginning of its body, as text.
    pub body: String,
    /// How long the whole body is.
    pub body_bytes: u64,
}

/// Samples of a kind that are kept of a run.
pub const SAMPLES_OF_A_KIND: usize = 3;

/// Samples that are kept of a run at most.
pub const MOST_SAMPLES: usize = 100;

impl Sample {
    /// Tells whether two samples are of one kind: the same request failed in the same way.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.request, &self.failure, &self.check)
            == (&other.request, &other.failure, &other.check)
    }
}
