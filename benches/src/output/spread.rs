//! Median and range of a figure over several rounds.

use serde::{Deserialize, Serialize};

/// Median and range of a figure over several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// Median.
    pub(crate) median: f64,
    /// Minimum.
    pub(crate) least: f64,
    /// Maximum.
    pub(crate) greatest: f64,
    /// Number of rounds.
    pub(crate) rounds: usize,
}

impl Spread {
    /// Summarizes figures, ignoring those that are not finite. `None` if there are none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures
            .into_iter()
            .filter(|figure| figure.is_finite())
            .collect();
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let rounds = sorted.len();
        let median = f64::midpoint(sorted[(rounds - 1) / 2], sorted[rounds / 2]);
        Some(Self {
            median,
            least,
            greatest,
            rounds,
        })
    }

    /// Formats the median, with the range if there are several rounds: `6.60 (6.40 – 7.10)`.
    pub(crate) fn describe(&self, describe: impl Fn(f64) -> String) -> String {
        if self.rounds < 2 {
            return describe(self.median);
        }
        format!(
            "{} ({} – {})",
            describe(self.median),
            describe(self.least),
            describe(self.greatest)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_ignores_order_and_nan() {
        let spread = Spread::of([3.0, 1.0, 2.0, f64::NAN]).unwrap();
        assert_eq!(
            (spread.least, spread.median, spread.greatest),
            (1.0, 2.0, 3.0)
        );
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of([]), None);
        assert_eq!(spread.describe(|f| f.to_string()), "2 (1 – 3)");
    }
}
