//! Longest lag over time.

use std::collections::BTreeMap;

use super::{IntervalHistogram, Metric};

/// Most peaks kept: over an hour at one a second.
const PEAKS_MAX: usize = 4_096;

/// Resolution of the log's times, in nanoseconds.
const GRAIN_NS: u64 = 1_000_000;

/// The longest lag of a stretch of time.
#[derive(Debug, Clone, Copy)]
struct Peak {
    start_ns: u64,
    end_ns: u64,
    lag_ns: u64,
}

impl Peak {
    fn merged(self, other: Self) -> Self {
        Self {
            start_ns: self.start_ns.min(other.start_ns),
            end_ns: self.end_ns.max(other.end_ns),
            lag_ns: self.lag_ns.max(other.lag_ns),
        }
    }
}

/// The longest lag of each interval, warm-up included.
///
/// Intervals that start within the same stretch of time share a peak. The stretch starts at the log's resolution, and
/// doubles when there are too many peaks.
#[derive(Debug, Clone)]
pub struct LagPeaks {
    stretch_ns: u64,
    peaks: BTreeMap<u64, Peak>,
}

impl Default for LagPeaks {
    fn default() -> Self {
        Self {
            stretch_ns: GRAIN_NS,
            peaks: BTreeMap::new(),
        }
    }
}

impl LagPeaks {
    /// Adds an interval. Ignores metrics other than lag.
    pub fn add(&mut self, interval: &IntervalHistogram) {
        if interval.series.metric != Metric::Lag || interval.histogram.is_empty() {
            return;
        }
        self.put(Peak {
            start_ns: interval.start_ns,
            end_ns: interval.start_ns.saturating_add(interval.duration_ns),
            lag_ns: interval.histogram.max(),
        });
        while self.peaks.len() > PEAKS_MAX {
            self.stretch_ns = self.stretch_ns.saturating_mul(2);
            for peak in std::mem::take(&mut self.peaks).into_values() {
                self.put(peak);
            }
        }
    }

    fn put(&mut self, peak: Peak) {
        let stretch = self.peaks.entry(peak.start_ns / self.stretch_ns);
        stretch
            .and_modify(|known| *known = known.merged(peak))
            .or_insert(peak);
    }

    /// Returns the longest lag of the intervals that overlap a stretch of time. `None` if there is none.
    pub fn longest_ns(&self, start_ns: u64, end_ns: u64) -> Option<u64> {
        let within = |peak: &&Peak| peak.end_ns > start_ns && peak.start_ns <= end_ns;
        let peaks = self.peaks.values().filter(within);
        peaks.map(|peak| peak.lag_ns).max()
    }

    /// Number of peaks kept.
    pub fn count(&self) -> usize {
        self.peaks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::latency_histogram;
    use crate::{Series, SparseHistogram};

    const SECOND: u64 = 1_000_000_000;

    fn lag(second: u64, request: usize, lag_ns: u64) -> IntervalHistogram {
        let mut one = latency_histogram::<u32>();
        one.saturating_record(lag_ns);
        IntervalHistogram {
            series: Series {
                metric: Metric::Lag,
                phase: 0,
                request,
            },
            start_ns: second * SECOND,
            duration_ns: SECOND,
            histogram: SparseHistogram::of(&one),
        }
    }

    #[test]
    fn finds_the_longest_lag_of_a_stretch() {
        let mut peaks = LagPeaks::default();
        for second in 0..10 {
            peaks.add(&lag(second, 0, 10));
            peaks.add(&lag(second, 1, if second == 4 { 1_000 } else { 20 }));
        }
        assert_eq!(peaks.count(), 10);
        assert_eq!(peaks.longest_ns(4 * SECOND, 4 * SECOND), Some(1_000));
        assert_eq!(peaks.longest_ns(2 * SECOND, 4 * SECOND), Some(1_000));
        assert_eq!(peaks.longest_ns(5 * SECOND, 9 * SECOND), Some(20));
        assert_eq!(peaks.longest_ns(10 * SECOND, 12 * SECOND), None);
    }

    #[test]
    fn long_runs_keep_a_bounded_number() {
        let mut peaks = LagPeaks::default();
        let usual = lag(0, 0, 7);
        for second in 0..100_000 {
            peaks.add(&IntervalHistogram {
                start_ns: second * SECOND,
                ..usual.clone()
            });
        }
        peaks.add(&lag(77_777, 1, 5_000));
        assert!(peaks.count() <= PEAKS_MAX, "{}", peaks.count());
        // The stretch is no longer than it must be: half a minute in a run of a day.
        let longest = |start_s, end_s| peaks.longest_ns(start_s * SECOND, end_s * SECOND);
        assert_eq!(longest(77_777, 77_778), Some(5_003));
        assert_eq!(longest(0, 77_740), Some(7));
        assert_eq!(longest(77_820, 100_000), Some(7));
    }
}
