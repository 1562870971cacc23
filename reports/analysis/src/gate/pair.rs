//! A value for each of the two builds.

use serde::{Deserialize, Serialize};
use tenfold_scenarios::Side;

/// A value for each of the two builds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair<T> {
    /// Value of the known build.
    pub baseline: T,
    /// Value of the build under test.
    pub candidate: T,
}

impl<T> Pair<T> {
    /// Returns the value of one side.
    pub fn of(&self, side: Side) -> &T {
        match side {
            Side::Baseline => &self.baseline,
            Side::Candidate => &self.candidate,
        }
    }

    /// Applies a function to both values.
    pub fn map<U>(&self, of: impl Fn(&T) -> U) -> Pair<U> {
        Pair {
            baseline: of(&self.baseline),
            candidate: of(&self.candidate),
        }
    }
}

impl Pair<f64> {
    /// Returns `ln(candidate / baseline)`, with values raised to at least `floor`. `None` if a value is not
    /// finite, negative, or zero after that.
    pub fn log_ratio(&self, floor: f64) -> Option<f64> {
        let usable = |value: f64| (value.is_finite() && value >= 0.0).then(|| value.max(floor));
        let (baseline, candidate) = (usable(self.baseline)?, usable(self.candidate)?);
        (baseline > 0.0 && candidate > 0.0).then(|| (candidate / baseline).ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ratio_rejects_unusable_values() {
        let ratio = |baseline, candidate, floor| {
            Pair {
                baseline,
                candidate,
            }
            .log_ratio(floor)
        };
        assert_eq!(ratio(2.0, 2.0, 0.0), Some(0.0));
        assert!((ratio(1.0, 1.05, 0.0).unwrap() - 0.05_f64.ln_1p()).abs() < 1e-12);
        assert_eq!(ratio(0.0, 1.0, 0.0), None);
        assert_eq!(ratio(f64::NAN, 1.0, 1.0), None);
        assert_eq!(ratio(1.0, f64::INFINITY, 1.0), None);
        assert_eq!(ratio(-1.0, 1.0, 1.0), None);
        // Waits of 0 and 1 µs are equal under a floor of 100 µs.
        assert_eq!(ratio(0.0, 1_000.0, 100_000.0), Some(0.0));
        assert!((ratio(0.0, 2.0, 1.0).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
    }
}
