//! What a figure came to over the rounds.

use serde::{Deserialize, Serialize};

/// The median of some rounds' figures, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The median.
    pub(crate) median: f64,
    /// The least.
    pub(crate) least: f64,
    /// The greatest.
    pub(crate) greatest: f64,
    /// How many rounds there were.
    pub(crate) rounds: usize,
}

impl Spread {
    /// Sums up the figures of some rounds; none where there are none.
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

    /// Says it with its extremes where there are several rounds: `6.60 (6.40 – 7.10)`.
    pub(crate) fn say(&self, say: impl Fn(f64) -> String) -> String {
        if self.rounds < 2 {
            return say(self.median);
        }
        format!(
            "{} ({} – {})",
            say(self.median),
            say(self.least),
            say(self.greatest)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = Spread::of([3.0, 1.0, 2.0, f64::NAN]).unwrap();
        assert_eq!(
            (spread.least, spread.median, spread.greatest),
            (1.0, 2.0, 3.0)
        );
        assert_eq!(Spread::of([1.0, 2.0]).unwrap().median, 1.5);
        assert_eq!(Spread::of([]), None);
        assert_eq!(spread.say(|f| f.to_string()), "2 (1 – 3)");
    }
}
