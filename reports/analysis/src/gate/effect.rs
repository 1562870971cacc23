//! The ratio of candidate to baseline.

use serde::{Deserialize, Serialize};

use crate::stats::hodges_lehmann::{HodgesLehmann, Interval};

/// An estimated effect: the ratio of candidate to baseline, less one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The Hodges-Lehmann estimate: 0.05 is 5% more than the baseline.
    pub value: f64,
    /// Its interval; none where the rounds are too few for one.
    pub interval: Option<Interval>,
    /// Number of rounds behind it.
    pub count: usize,
}

impl Effect {
    /// Makes a ratio of the shift of logarithms, its interval widened for the likeness of neighbours.
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
