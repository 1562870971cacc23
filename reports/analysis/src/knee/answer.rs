//! The answer of a search.

use serde::{Deserialize, Serialize};

use super::trial::Trial;

/// The answer of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Highest rate that was sustained, per second. `None` if no rate was.
    pub sustained: Option<f64>,
    /// Lowest rate above it that was not sustained, per second. `None` if every rate was.
    pub failed: Option<f64>,
    /// Long trials at or above `sustained` that were sustained.
    pub passes: usize,
    /// Long trials at or below `failed` that were not sustained.
    pub failures: usize,
    /// Why the search ended.
    pub end: End,
    /// Difference between a service that was overloaded before and one that was not. `None` if there was none, or it
    /// was not tried.
    pub hysteresis: Option<Hysteresis>,
    /// All trials, in order. In `knee.json`, they stand beside the answer, with their figures.
    #[serde(skip)]
    pub trials: Vec<Trial>,
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Both ends are confirmed and as close as asked for.
    Confirmed,
    /// The time was over. The ends are the best that is known.
    OutOfTime,
    /// The generator did not send a higher rate: the knee is at least `sustained`.
    Generator,
    /// The service sustained the highest rate that may be tried.
    HighestRate,
    /// The service did not sustain the lowest rate that may be tried.
    LowestRate,
    /// The search was stopped.
    Stopped,
}

/// A service that sustains a rate, but not after an overload.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hysteresis {
    /// Rate that was sustained after a sustained one, per second.
    pub sustained_from_below: f64,
    /// Rate that was not sustained after an overload, per second. It is not higher.
    pub failed_from_above: f64,
}

impl Answer {
    /// Returns the middle of both ends, or the end that is known, per second.
    pub fn knee(&self) -> Option<f64> {
        match (self.sustained, self.failed) {
            (Some(sustained), Some(failed)) => Some(f64::midpoint(sustained, failed)),
            (one, other) => one.or(other),
        }
    }

    /// Distance of the ends, relative to the lower one. `None` if one of them is not known.
    pub fn width(&self) -> Option<f64> {
        Some(self.failed? / self.sustained? - 1.0)
    }
}
