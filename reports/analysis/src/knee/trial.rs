//! One trial of a search: a rate, sent for a time.

use std::time::Duration;

/// One trial of a search: a rate, sent for a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Offered rate, per second.
    pub rate: f64,
    /// Time for which it was sent.
    pub duration: Duration,
    /// True if the trial before it was not sustained.
    pub after_overload: bool,
    /// Result.
    pub outcome: Outcome,
}

/// Result of a trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The service sustained the rate.
    Sustained,
    /// It did not.
    NotSustained {
        /// Answers per second.
        achieved: f64,
    },
    /// An objective is met or missed within the error of the measurement: the rate is close to the knee.
    Undecided,
    /// The generator did not send the rate, or not in time.
    NotMeasured,
}

impl Outcome {
    /// Returns whether the service sustained the rate for certain.
    pub fn is_sustained(self) -> bool {
        self == Self::Sustained
    }

    /// Returns whether the service was measured, and did not sustain the rate for certain.
    pub fn is_failed(self) -> bool {
        matches!(self, Self::NotSustained { .. } | Self::Undecided)
    }
}
