//! The latencies of the counted phases, merged over time.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use tenfold_run_dir::{Metric, Run};

use crate::window::counts;

/// The latencies of the counted phases, merged over time: one histogram for each metric and request.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    histograms: BTreeMap<(Metric, usize), Histogram<u64>>,
}

impl Merged {
    /// Merges the counted intervals of a run, once.
    pub(crate) fn of(run: &Run) -> Self {
        let mut histograms = BTreeMap::new();
        for interval in run
            .intervals
            .iter()
            .filter(|interval| counts(run, interval.series))
        {
            let sum = histograms
                .entry((interval.series.metric, interval.series.request))
                .or_insert_with(tenfold_run_dir::interval_log::histogram);
            interval.histogram.add_to(sum);
        }
        Self { histograms }
    }

    /// Returns a metric of the requests that `keep` accepts; empty where there is none.
    pub(crate) fn histogram(&self, metric: Metric, keep: impl Fn(usize) -> bool) -> Histogram<u64> {
        let mut sum = tenfold_run_dir::interval_log::histogram();
        for ((_, request), histogram) in self.histograms.range((metric, 0)..=(metric, usize::MAX)) {
            if keep(*request) {
                add(&mut sum, histogram);
            }
        }
        sum
    }
}

/// Adds one histogram to another, which grows where it must.
pub(crate) fn add(sum: &mut Histogram<u64>, histogram: &Histogram<u64>) {
    if sum.add(histogram).is_err() {
        sum.auto(true);
        // With room to grow, only a shortage of memory for the counts is left to fail.
        let _ = sum.add(histogram);
    }
}
