//! Latencies of the counted phases, merged over time.

use hdrhistogram::Histogram;
use tenfold_run_dir::{Metric, Run};

/// Latencies of the counted phases of a run, merged over time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedLatencies<'a> {
    run: &'a Run,
}

impl<'a> CountedLatencies<'a> {
    /// Returns the counted latencies of a run.
    pub(crate) fn of(run: &'a Run) -> Self {
        Self { run }
    }

    /// Merges the histograms of a metric over the requests that `keep` accepts.
    pub(crate) fn histogram(&self, metric: Metric, keep: impl Fn(usize) -> bool) -> Histogram<u64> {
        let mut merged = tenfold_run_dir::latency_histogram();
        for (series, sum) in self.run.latencies.series() {
            if series.metric == metric && self.run.is_counted(series.phase) && keep(series.request)
            {
                sum.add_to(&mut merged);
            }
        }
        merged
    }

    /// Merges the histograms of a metric in one phase over the requests that `keep` accepts.
    pub(crate) fn histogram_in(
        &self,
        phase: usize,
        metric: Metric,
        keep: impl Fn(usize) -> bool,
    ) -> Histogram<u64> {
        let mut merged = tenfold_run_dir::latency_histogram();
        for (series, sum) in self.run.latencies.series() {
            if series.metric == metric && series.phase == phase && keep(series.request) {
                sum.add_to(&mut merged);
            }
        }
        merged
    }
}
