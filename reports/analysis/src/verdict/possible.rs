//! Bounds of a figure that depends on unknown outcomes.

use hdrhistogram::Histogram;
use tenfold_scenarios::Comparison;

use crate::verdict::outcomes::Outcomes;
use tenfold_stats::{OrderStatistics, rank, samples_beyond};

/// The bounds of a figure over all outcomes that the arrivals without a known outcome may have had. Both are
/// the measured value if every outcome is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Possible {
    /// The least value.
    pub(super) low: f64,
    /// The greatest value; infinite if it has no bound.
    pub(super) high: f64,
}

impl Possible {
    /// The bounds of a value that is known.
    pub(super) fn exactly(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// Returns true if nothing is unknown.
    pub(super) fn is_exact(self) -> bool {
        self.low == self.high
    }

    /// Returns whether a limit is met. `None` if that depends on unknown outcomes.
    pub(super) fn meets(self, comparison: Comparison, limit: f64) -> Option<bool> {
        let [low, high] = [self.low, self.high].map(|value| comparison.holds(value, limit));
        (low == high).then_some(low)
    }

    /// The share of `hits` among `count`, of which `unknown` more may belong to both.
    pub(super) fn share(hits: u64, count: u64, unknown: u64) -> Option<Self> {
        let all = count + unknown;
        (all > 0).then(|| Self {
            low: hits as f64 / all as f64,
            high: (hits + unknown) as f64 / all as f64,
        })
    }
}

/// Latencies, with the arrivals that have none.
///
/// Such an arrival is right-censored (Klein and Moeschberger, Survival Analysis, section 3.2): it would have
/// taken at least the time that it is known to have waited, and no upper bound is known.
pub(super) struct Censored<'a> {
    /// The latencies of answers, and of timeouts up to then.
    pub(super) latencies: &'a Histogram<u64>,
    /// The arrivals behind them.
    pub(super) outcomes: Outcomes,
    /// The time that each dropped arrival has waited at least, in nanoseconds.
    pub(super) dropped_after_ns: u64,
}

impl Censored<'_> {
    /// Arrivals without a latency.
    pub(super) fn missing(&self) -> u64 {
        self.outcomes.dropped + self.outcomes.unknown
    }

    /// Latencies and arrivals without one.
    pub(super) fn count(&self) -> u64 {
        self.latencies.len() + self.missing()
    }

    /// Samples beyond a quantile, with the arrivals without a latency.
    pub(super) fn beyond(&self, quantile: f64) -> u64 {
        samples_beyond(self.count(), quantile)
    }

    /// The bounds of a quantile. `None` without a sample.
    pub(super) fn quantile(&self, quantile: f64) -> Option<Possible> {
        let rank = rank(self.count(), quantile);
        let low = OrderStatistics::of(&self.best()).at_rank(rank)?;
        // Timeouts are the longest latencies that were recorded, and took longer still.
        let bounded = self.latencies.len().saturating_sub(self.outcomes.timed_out);
        let high = OrderStatistics::of(self.latencies)
            .at_rank(rank)
            .filter(|_| rank <= bounded);
        Some(Possible {
            low: low as f64,
            high: high.map_or(f64::INFINITY, |high| (high as f64).max(low as f64)),
        })
    }

    /// The bounds of the mean. The upper one assumes the longest latency for each arrival without one. `None`
    /// without a latency.
    pub(super) fn mean(&self) -> Option<Possible> {
        if self.latencies.is_empty() {
            return None;
        }
        if self.missing() == 0 {
            return Some(Possible::exactly(self.latencies.mean()));
        }
        let (answered, missing) = (self.latencies.len() as f64, self.missing() as f64);
        let longest = self.latencies.max().max(self.dropped_after_ns) as f64;
        let sum = self.latencies.mean() * answered + longest * missing;
        Some(Possible {
            low: self.best().mean(),
            high: (sum / (answered + missing)).max(self.best().mean()),
        })
    }

    /// The bounds of the maximum. `None` without a latency.
    pub(super) fn max(&self) -> Option<Possible> {
        if self.latencies.is_empty() {
            return None;
        }
        let longest = self.latencies.max() as f64;
        let is_known = self.missing() == 0 && self.outcomes.timed_out == 0;
        Some(Possible {
            low: self.best().max() as f64,
            high: if is_known { longest } else { f64::INFINITY },
        })
    }

    /// The latencies if every other arrival had taken as little time as possible.
    fn best(&self) -> Histogram<u64> {
        let mut best = self.latencies.clone();
        if self.outcomes.dropped > 0 {
            best.saturating_record_n(self.dropped_after_ns, self.outcomes.dropped);
        }
        if self.outcomes.unknown > 0 {
            best.saturating_record_n(0, self.outcomes.unknown);
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn latencies(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut histogram = tenfold_run_dir::latency_histogram();
        for value in values {
            histogram.record(value).unwrap();
        }
        histogram
    }

    fn outcomes(dropped: u64, unknown: u64, timed_out: u64) -> Outcomes {
        Outcomes {
            dropped,
            unknown,
            timed_out,
            ..Outcomes::default()
        }
    }

    fn met(censored: &Censored<'_>, quantile: f64, limit_ms: u64) -> Option<bool> {
        let possible = censored.quantile(quantile).unwrap();
        possible.meets(Comparison::Less, (limit_ms * MS) as f64)
    }

    #[test]
    fn dropped_arrivals_leave_a_percentile_open() {
        let answered = latencies((0..230).map(|_| 100 * MS));
        let censored = Censored {
            latencies: &answered,
            outcomes: outcomes(770, 0, 0),
            dropped_after_ns: 1_000 * MS,
        };
        // 77% are dropped, so the median and all above it lie among them: a second or more.
        assert_eq!(met(&censored, 0.9, 10_000), None);
        assert_eq!(met(&censored, 0.9, 900), Some(false));
        assert_eq!(met(&censored, 0.1, 900), Some(true));
        assert_eq!((censored.count(), censored.beyond(0.9)), (1_000, 100));
    }

    #[test]
    fn few_dropped_arrivals_move_the_rank_alone() {
        let answered = latencies((1..=9_990).map(|value| value * MS / 100));
        let censored = Censored {
            latencies: &answered,
            outcomes: outcomes(0, 10, 0),
            dropped_after_ns: 0,
        };
        assert_eq!(met(&censored, 0.99, 101), Some(true));
        assert_eq!(met(&censored, 0.99, 90), Some(false));
        assert_eq!(met(&censored, 0.9995, 150), None);
    }

    #[test]
    fn timeouts_have_no_upper_bound() {
        let answered = latencies(
            (0..900)
                .map(|_| 10 * MS)
                .chain((0..100).map(|_| 2_000 * MS)),
        );
        let censored = Censored {
            latencies: &answered,
            outcomes: outcomes(0, 0, 100),
            dropped_after_ns: 0,
        };
        assert_eq!(met(&censored, 0.99, 3_000), None);
        assert_eq!(met(&censored, 0.99, 1_500), Some(false));
        assert_eq!(met(&censored, 0.9, 15), Some(true));
        assert_eq!(censored.max().unwrap().high, f64::INFINITY);
    }

    #[test]
    fn mean_assumes_the_longest_latency_at_worst() {
        let answered = latencies([10 * MS, 30 * MS]);
        let censored = Censored {
            latencies: &answered,
            outcomes: outcomes(0, 2, 0),
            dropped_after_ns: 0,
        };
        let mean = censored.mean().unwrap();
        assert!((mean.low / 10e6 - 1.0).abs() < 0.01, "{mean:?}");
        assert!((mean.high / 25e6 - 1.0).abs() < 0.01, "{mean:?}");
    }

    #[test]
    fn known_latencies_have_exact_figures() {
        let answered = latencies([10 * MS, 30 * MS]);
        let censored = Censored {
            latencies: &answered,
            outcomes: outcomes(0, 0, 0),
            dropped_after_ns: 500 * MS,
        };
        assert_eq!((censored.missing(), censored.count()), (0, 2));
        for (figure, exact_ms) in [
            (censored.mean(), 20.0),
            (censored.max(), 30.0),
            (censored.quantile(0.5), 10.0),
            (censored.quantile(1.0), 30.0),
        ] {
            let figure = figure.unwrap();
            assert!(figure.is_exact(), "{figure:?}");
            assert!(
                (figure.low / 1e6 / exact_ms - 1.0).abs() < 0.01,
                "{figure:?}"
            );
        }
        assert!(
            !Possible {
                low: 1.0,
                high: 2.0
            }
            .is_exact()
        );
    }

    #[test]
    fn dropped_and_unknown_arrivals_bound_the_latencies() {
        let answered = latencies([10 * MS, 30 * MS]);
        let censored = Censored {
            latencies: &answered,
            outcomes: outcomes(1, 1, 0),
            dropped_after_ns: 100 * MS,
        };
        assert_eq!((censored.missing(), censored.count()), (2, 4));
        // At best 10, 30, 100 and 0 ms, at worst 10, 30, 100 and 100 ms.
        let mean = censored.mean().unwrap();
        assert!((mean.low / 35e6 - 1.0).abs() < 0.01, "{mean:?}");
        assert!((mean.high / 60e6 - 1.0).abs() < 0.01, "{mean:?}");
        let max = censored.max().unwrap();
        assert!((max.low / 100e6 - 1.0).abs() < 0.01, "{max:?}");
        assert_eq!(max.high, f64::INFINITY);
        // At best, the median is 10 ms; at worst, it is 30 ms.
        let median = censored.quantile(0.5).unwrap();
        assert!((median.low / 10e6 - 1.0).abs() < 0.01, "{median:?}");
        assert!((median.high / 30e6 - 1.0).abs() < 0.01, "{median:?}");
        assert_eq!(censored.quantile(0.9).unwrap().high, f64::INFINITY);
    }

    #[test]
    fn no_latency_has_no_mean_and_no_maximum() {
        let none = latencies([]);
        let censored = Censored {
            latencies: &none,
            outcomes: outcomes(5, 5, 0),
            dropped_after_ns: MS,
        };
        assert_eq!((censored.mean(), censored.max()), (None, None));
    }

    #[test]
    fn one_timeout_leaves_the_maximum_open() {
        let answered = latencies([10 * MS, 30 * MS]);
        let censored = Censored {
            latencies: &answered,
            outcomes: outcomes(0, 0, 1),
            dropped_after_ns: 0,
        };
        let max = censored.max().unwrap();
        assert!((max.low / 30e6 - 1.0).abs() < 0.01, "{max:?}");
        assert_eq!(max.high, f64::INFINITY);
        assert!(censored.mean().unwrap().is_exact());
    }

    #[test]
    fn share_counts_unknown_ones_both_ways() {
        let share = Possible::share(2, 90, 10).unwrap();
        assert_eq!((share.low, share.high), (0.02, 0.12));
        assert_eq!(share.meets(Comparison::Less, 0.05), None);
        assert_eq!(share.meets(Comparison::Less, 0.2), Some(true));
        assert_eq!(share.meets(Comparison::Less, 0.01), Some(false));
        assert_eq!(Possible::share(0, 0, 0), None);
    }

    proptest! {
        #[test]
        fn bounds_hold_for_any_missing_latencies(
            answered in prop::collection::vec(1_u64..10_000, 1..200),
            missing in prop::collection::vec(1_u64..20_000, 0..200),
            quantile in 0.01_f64..0.999,
        ) {
            let us = |values: &[u64]| latencies(values.iter().map(|value| value * 1_000));
            let known = us(&answered);
            let censored = Censored {
                latencies: &known,
                outcomes: outcomes(0, missing.len() as u64, 0),
                dropped_after_ns: 0,
            };
            let all = us(&[answered.clone(), missing].concat());
            let actual = OrderStatistics::of(&all).raw_quantile(quantile).unwrap() as f64;
            let possible = censored.quantile(quantile).unwrap();
            prop_assert!(possible.low <= actual && actual <= possible.high, "{actual} {possible:?}");
        }
    }
}
