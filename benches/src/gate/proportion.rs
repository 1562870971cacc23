//! A proportion of gates, with its confidence interval.

use serde::{Deserialize, Serialize};
use tenfold_analysis::format;
use tenfold_stats::wilson_interval;

/// A proportion of gates, with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Proportion {
    /// Number of hits.
    pub(crate) hits: u64,
    /// Number of gates.
    pub(crate) count: u64,
    /// Proportion of hits. `None` without gates.
    pub(crate) share: Option<f64>,
    /// Its 95% interval (Wilson).
    pub(crate) interval_95: [f64; 2],
}

impl Proportion {
    /// Counts the items for which `is_hit` is true.
    pub(crate) fn of<T>(all: impl IntoIterator<Item = T>, is_hit: impl Fn(T) -> bool) -> Self {
        let (mut hits, mut count) = (0, 0);
        for one in all {
            count += 1;
            hits += u64::from(is_hit(one));
        }
        Self::new(hits, count)
    }

    /// Creates a proportion from counts.
    pub(crate) fn new(hits: u64, count: u64) -> Self {
        let [low, high] = wilson_interval(hits, count);
        Self {
            hits,
            count,
            share: (count > 0).then(|| hits as f64 / count as f64),
            // The interval ends exactly at 0 or 1 there, up to rounding errors.
            interval_95: [
                if hits == 0 { 0.0 } else { low },
                if hits == count { 1.0 } else { high },
            ],
        }
    }

    /// Formats the proportion: `1 of 40, 2.50% (0.44% – 12.9%)`.
    pub(crate) fn describe(&self) -> String {
        let [low, high] = self.interval_95.map(format::percent);
        match self.share {
            None => "none of none".to_owned(),
            Some(share) => format!(
                "{} of {}, {} ({low} – {high})",
                format::count(self.hits),
                format::count(self.count),
                format::percent(share)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_matches_published_table() {
        // Newcombe (1998), table I, method 3: 1 of 29.
        let share = Proportion::of(0..29, |number| number == 7);
        assert_eq!(share.describe(), "1 of 29, 3.45% (0.611% – 17.2%)");
        assert_eq!(Proportion::new(0, 0).describe(), "none of none");
        assert_eq!(Proportion::new(0, 400).interval_95[0], 0.0);
        assert_eq!(Proportion::new(400, 400).interval_95[1], 1.0);
        assert_eq!(
            Proportion::new(0, 40).describe(),
            "0 of 40, 0% (0% – 8.76%)"
        );
    }
}
