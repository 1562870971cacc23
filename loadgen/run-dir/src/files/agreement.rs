//! `agreement.json`: whether two builds of a service gave the same answers.

use serde::{Deserialize, Serialize};

/// Whether two builds of a service gave the same answers to the same requests, in a sample of them.
///
/// Bodies are compared of requests that change nothing (GET and HEAD), of all others the statuses alone. Bodies may
/// differ for good reasons: a date, the number of a request, what somebody else wrote in between.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// By request, in the scenario's order before it was paired.
    pub requests: Vec<RequestAgreement>,
    /// Answers that differ, a few of each request.
    pub differences: Vec<Difference>,
    /// Pairs of the sample of which one side gave no answer, or gave it too late to be compared.
    pub unmatched: u64,
}

/// Whether the answers to one request were the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestAgreement {
    /// The request's name, without a side.
    pub name: String,
    /// Pairs of answers that were compared.
    pub compared: u64,
    /// Those whose statuses differ.
    pub statuses_differ: u64,
    /// Those of one status whose bodies differ.
    pub bodies_differ: u64,
}

/// Two answers to the same request that differ, with what is secret in them masked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The request's name, without a side.
    pub request: String,
    /// What the baseline answered.
    pub baseline: Answer,
    /// What the candidate answered.
    pub candidate: Answer,
}

/// An answer, as far as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, in order.
    pub headers: Vec<(String, String)>,
    /// The beginning of its body, as text.
    pub body: String,
    /// How long the whole body is.
    pub body_bytes: u64,
}

impl Agreement {
    /// The sum over all requests; its name is empty.
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
