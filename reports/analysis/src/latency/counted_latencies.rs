//! The latencies of the counted phases, merged over time.

use hdrhistogram::Histogram;
use tenfold_run_dir::{Metric, Run};

/// The latencies of the counted phases of a run, merged over time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CountedLatencies<'a> {
    run: &'a Run,
}

impl<'a> CountedLatencies<'a> {
    /// Those of a run.
    pub(crate) fn of(run: &'a Run) -> Self {
        Self { run }
    }

    /// Returns a metric of the requests that `keep` accepts; empty where there is none.
    pub(crate) fn histogram(&self, metric: Metric, keep: impl Fn(usize) -> bool) -> Histogram<u64> {
        let mut merged = tenfold_run_dir::interval_log::histogram();
        for (series, sum) in self.run.latencies.series() {
            if series.metric == metric && self.run.is_counted(series.phase) && keep(series.request)
            {
                sum.add_to(&mut merged);
            }
        }
        merged
    }
}
