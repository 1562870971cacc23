//! `agreement.json`: agreement between the responses of two builds of a service.

use serde::{Deserialize, Serialize};

/// Agreement between the responses of two builds to the same requests, from a sample.
///
/// Statuses are always compared, bodies only for GET and HEAD. Bodies may differ for good reasons: a date, a request id,
/// another client's write.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Agreement by request, in the order of the unpaired scenario.
    pub requests: Vec<RequestAgreement>,
    /// A few differing responses of each request.
    pub differences: Vec<Difference>,
    /// Sampled pairs that lack a response of one side, or got it too late.
    pub unmatched: u64,
}

/// Agreement between the responses to one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestAgreement {
    /// Name of the request, without a side.
    pub name: String,
    /// Pairs of responses compared.
    pub compared: u64,
    /// Pairs whose statuses differ.
    pub statuses_differ: u64,
    /// Pairs of equal status whose bodies differ.
    pub bodies_differ: u64,
}

/// Two differing responses to the same request, with secrets masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Name of the request, without a side.
    pub request: String,
    /// Response of the baseline.
    pub baseline: Answer,
    /// Response of the candidate.
    pub candidate: Answer,
}

/// The part of a response that is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// Beginning of the body, as text.
    pub body: String,
    /// Length of the whole body, in bytes.
    pub body_bytes: u64,
}

impl Agreement {
    /// Sum over all requests, with an empty name.
    pub fn total(&self) -> RequestAgreement {
        let mut total = RequestAgreement::default();
        for request in &self.requests {
            total.compared += request.compared;
            total.statuses_differ += request.statuses_differ;
            total.bodies_differ += request.bodies_differ;
        }
        total
    }
}
