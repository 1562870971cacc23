//! Whether both builds answered the same requests alike.

use serde::{Deserialize, Serialize};

/// How the answers to the same requests compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answers {
    /// Requests whose answers of both builds were compared.
    pub compared: u64,
    /// Those of them whose statuses differ.
    pub statuses_differ: u64,
    /// Those of them with the same status whose bodies differ.
    pub bodies_differ: u64,
    /// Requests of the sample to which a build gave no answer, or gave it too late to be compared.
    pub unmatched: u64,
    /// What is left out of the comparison of bodies, as a person would say it; empty for nothing.
    pub ignored: Vec<String>,
    /// The same by request, in the scenario's order.
    pub requests: Vec<RequestAnswers>,
}

/// How the answers to one request of the scenario compare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestAnswers {
    /// The request's name.
    pub request: String,
    /// Answers compared.
    pub compared: u64,
    /// Those of them whose statuses differ.
    pub statuses_differ: u64,
    /// Those of them with the same status whose bodies differ.
    pub bodies_differ: u64,
    /// Some of those that differ.
    pub examples: Vec<AnswerDifference>,
}

/// A request that was answered in two ways.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerDifference {
    /// What was sent, as `GET /posts/17`.
    pub sent: String,
    /// What the baseline answered.
    pub baseline: AnswerSeen,
    /// What the candidate answered.
    pub candidate: AnswerSeen,
}

/// An answer, as far as it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnswerSeen {
    /// Its status; none where there was no answer.
    pub status: Option<u16>,
    /// The length of its body in bytes, where there was one.
    pub bytes: Option<u64>,
    /// The part of its body where it differs, secrets masked; or why there was no answer.
    pub excerpt: String,
}
