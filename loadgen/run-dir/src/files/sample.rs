//! `samples.json`: responses to failed requests, a few of each kind.

use serde::{Deserialize, Serialize};

/// The response to a failed request, with secrets masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Name of the request.
    pub request: String,
    /// Class of the failure: `unexpected_status`, `failed_check`, `missing_capture`, `script` or `script_timeout`.
    pub failure: String,
    /// Name of the check or capture that failed. `None` for other failures.
    pub check: Option<String>,
    /// Reason for the failure: the expected value, and the actual one.
    pub reason: String,
    /// End of the response, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// Status. `None` if the request was not sent.
    pub status: Option<u16>,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// Beginning of the body, as text.
    pub body: String,
    /// Length of the whole body, in bytes.
    pub body_bytes: u64,
    /// Address that responded, with secrets masked. `None` if the request was not redirected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Trace id of the request, 32 hexadecimal digits. `None` without a `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// Most samples of one kind that a run keeps.
pub const SAMPLES_OF_KIND_MAX: usize = 3;

/// Most samples that a run keeps.
pub const SAMPLES_MAX: usize = 100;

/// Keeps the first samples of each kind over several generators, as many as a single generator keeps.
pub fn first_of_each_kind<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Vec<Sample> {
    let mut all: Vec<&Sample> = samples.into_iter().collect();
    all.sort_by_key(|sample| sample.at_ns);
    let mut kept = Vec::<Sample>::new();
    for sample in all {
        let alike = kept.iter().filter(|other| other.is_like(sample)).count();
        if alike < SAMPLES_OF_KIND_MAX && kept.len() < SAMPLES_MAX {
            kept.push(sample.clone());
        }
    }
    kept
}

impl Sample {
    /// Returns whether two samples are of one kind: the same request failed in the same way.
    pub fn is_like(&self, other: &Self) -> bool {
        (&self.request, &self.failure, &self.check)
            == (&other.request, &other.failure, &other.check)
    }
}
