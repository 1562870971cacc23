//! The same value of both builds.

use serde::{Deserialize, Serialize};
use tenfold_scenarios::Side;

/// The same of the baseline and of the candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair<T> {
    /// Of the build that is known.
    pub baseline: T,
    /// Of the build that is judged.
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
    /// Returns `ln(candidate / baseline)`, values below the floor counting as the floor; none of values
    /// that allow no ratio.
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
    fn ratios_are_of_usable_values_only() {
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
        // A wait of nothing and one of a microsecond are alike to a floor of a hundred.
        assert_eq!(ratio(0.0, 1_000.0, 100_000.0), Some(0.0));
        assert!((ratio(0.0, 2.0, 1.0).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
    }
}
