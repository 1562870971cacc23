//! Estimated effect of a change.

use serde::{Deserialize, Serialize};

use tenfold_stats::{HodgesLehmann, Interval};

/// Estimated effect: the ratio of candidate to baseline, minus one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Hodges-Lehmann estimate: 0.05 is 5% more than the baseline.
    pub value: f64,
    /// Interval of the estimate. `None` if there are too few rounds.
    pub interval: Option<Interval>,
    /// Number of rounds.
    pub count: usize,
}

impl Effect {
    /// Converts a shift of logarithms to a ratio, and widens its interval for the variance inflation.
    pub(crate) fn of(shift: HodgesLehmann, inflation: f64) -> Self {
        let widened = |end: f64| (shift.value + (end - shift.value) * inflation.sqrt()).exp_m1();
        Self {
            value: shift.value.exp_m1(),
            interval: shift.interval.map(|interval| Interval {
                low: widened(interval.low),
                high: widened(interval.high),
                ..interval
            }),
            count: shift.count,
        }
    }
}
