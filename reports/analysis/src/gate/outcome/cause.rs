//! Where a difference comes from: what profiles and waits of both builds show.

use serde::{Deserialize, Serialize};

use crate::gate::pair::Pair;

/// Where a difference comes from. Profiles are taken after the rounds that are judged, never in them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// What speaks about the profiles, in sentences: what they cost, and what they may have missed.
    pub remarks: Vec<String>,
    /// How many samples stand behind the shares.
    pub profiles: Pair<ProfileCount>,
    /// The functions that changed most, the greatest change first.
    pub functions: Vec<FunctionChange>,
    /// The waits that changed most, the greatest change first.
    pub waits: Vec<WaitChange>,
    /// Flamegraphs, as names of files beside the outcome.
    pub flamegraphs: Flamegraphs,
}

/// How much of a build a profile saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileCount {
    /// Samples captured.
    pub captured: u64,
    /// Samples that the processor time used calls for, where that is known.
    pub expected: Option<f64>,
}

/// How much of the processor's time a function takes, by itself and without what it calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FunctionChange {
    /// The function's name.
    pub name: String,
    /// Samples in it.
    pub samples: Pair<u64>,
    /// Its share of all samples, from 0 to 1.
    pub share: Pair<f64>,
    /// Processor time in it by request, in microseconds, where that is known.
    pub cpu_us_per_request: Option<Pair<f64>>,
}

/// How long a request waits for something.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitChange {
    /// What is waited for.
    pub name: String,
    /// The mean wait by request, in microseconds.
    pub us_per_request: Pair<f64>,
    /// Requests behind it.
    pub count: Pair<u64>,
}

/// Flamegraphs, as names of files beside the outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flamegraphs {
    /// Of the baseline.
    pub baseline: Option<String>,
    /// Of the candidate.
    pub candidate: Option<String>,
    /// The difference in widths of the candidate: what appeared, but not what vanished.
    pub difference: Option<String>,
    /// The difference in widths of the baseline: what vanished, but not what appeared.
    pub difference_reversed: Option<String>,
}
