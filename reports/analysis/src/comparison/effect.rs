//! Differences of one run from another.

use serde::Serialize;

/// The differences of a run from the first run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunEffects {
    /// Name of the run.
    pub name: String,
    /// Intervals of time that were resampled. 0 if the runs are too short for intervals.
    pub intervals: u64,
    /// Length of an interval, in seconds.
    pub interval_s: f64,
    /// Neighbouring intervals that were drawn together.
    pub block: u64,
    /// True if the same intervals were drawn from both runs, because both had the same load at the same time.
    pub paired: bool,
    /// The differences, figure by figure.
    pub effects: Vec<Effect>,
}

/// The difference in one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// Name of the figure.
    pub name: String,
    /// Unit of the values.
    pub unit: EffectUnit,
    /// Value of the first run. `None` if it is not known, or has too few samples.
    pub baseline: Option<f64>,
    /// Value of the other run. `None` likewise.
    pub value: Option<f64>,
    /// Change: the ratio of the values minus one; for a share, the difference of the shares. `None` if a value is missing.
    pub change: Option<f64>,
    /// 95% interval of the change, for this figure alone. `None` if the runs are too short.
    pub interval_95: Option<[f64; 2]>,
    /// The direction of the change, as far as its interval shows one.
    pub direction: Direction,
}

/// Unit of a compared figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectUnit {
    /// Nanoseconds.
    Ns,
    /// Requests per second.
    PerSecond,
    /// A share of all requests.
    Fraction,
    /// Microseconds of CPU time.
    CpuUs,
}

/// Direction of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The interval lies on the good side.
    Better,
    /// The interval lies on the bad side.
    Worse,
    /// The interval includes no change.
    NotShown,
    /// There is no interval.
    Unknown,
    /// A rate of two runs that offered different rates.
    NotJudged,
}

impl Direction {
    /// Returns the direction of a change with this interval.
    pub(super) fn of(interval: Option<[f64; 2]>, more_is_worse: bool) -> Self {
        match interval {
            None => Self::Unknown,
            Some([low, _]) if low > 0.0 && more_is_worse => Self::Worse,
            Some([low, _]) if low > 0.0 => Self::Better,
            Some([_, high]) if high < 0.0 && more_is_worse => Self::Better,
            Some([_, high]) if high < 0.0 => Self::Worse,
            Some(_) => Self::NotShown,
        }
    }
}
