//! Comparison of the responses of both builds to the same requests.

use serde::{Deserialize, Serialize};

/// Comparison of the responses to the same requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// Requests whose responses were compared.
    pub compared: u64,
    /// Compared responses with different statuses.
    pub statuses_differ: u64,
    /// Compared responses with the same status and different bodies.
    pub bodies_differ: u64,
    /// Sampled requests to which a build sent no response, or sent it too late to compare.
    pub unmatched: u64,
    /// Parts excluded from the comparison of bodies, in words.
    pub ignored: Vec<String>,
    /// Comparison by request, in the order of the scenario.
    pub requests: Vec<RequestAnswers>,
}

/// Comparison of the responses to one request of the scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestAnswers {
    /// Name of the request.
    pub request: String,
    /// Compared responses.
    pub compared: u64,
    /// Compared responses with different statuses.
    pub statuses_differ: u64,
    /// Compared responses with the same status and different bodies.
    pub bodies_differ: u64,
    /// Some of the differences.
    pub examples: Vec<AnswerDifference>,
}

/// A request with different responses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerDifference {
    /// The request, such as `GET /posts/17`.
    pub sent: String,
    /// Response of the baseline.
    pub baseline: AnswerSeen,
    /// Response of the candidate.
    pub candidate: AnswerSeen,
}

/// Excerpt of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerSeen {
    /// Status. `None` without a response.
    pub status: Option<u16>,
    /// Length of the body in bytes. `None` without a response.
    pub bytes: Option<u64>,
    /// Part of the body that differs, with secrets masked; or the reason for a missing response.
    pub excerpt: String,
}
