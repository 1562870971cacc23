//! A run, read back.

use std::path::PathBuf;

use hdrhistogram::Histogram;

use crate::sample::Sample;
use crate::{Counts, HostTimeline, Manifest, ProfileInfo, Series, SparseHistogram, Timeline};

/// One interval of one series.
#[derive(Debug, Clone)]
pub struct IntervalHistogram {
    /// Which latency it holds.
    pub series: Series,
    /// When the interval begins.
    pub start_ns: u64,
    /// How long it lasts.
    pub duration_ns: u64,
    /// The latencies of requests that were done in it, in nanoseconds.
    pub histogram: SparseHistogram,
}

/// A run, read back from its directory.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where it was read from.
    pub path: PathBuf,
    /// What was run.
    pub manifest: Manifest,
    /// What became of every arrival.
    pub counts: Counts,
    /// The run, second by second.
    pub timeline: Timeline,
    /// What the machine did meanwhile; empty where nothing was probed.
    pub host: HostTimeline,
    /// Every interval, in order of time.
    pub intervals: Vec<IntervalHistogram>,
    /// How the CPU profile was taken; none where there is none.
    pub profile: Option<ProfileInfo>,
    /// The flamegraph, as SVG; none where there is none.
    pub flamegraph: Option<String>,
    /// What came back where requests failed, a few of each kind.
    pub samples: Vec<Sample>,
}

impl Run {
    /// Merges the intervals of every series that `keep` accepts into one histogram; empty where
    /// there is none.
    ///
    /// The merge is exact: all histograms of a run have one shape.
    pub fn merged(&self, keep: impl Fn(Series) -> bool) -> Histogram<u64> {
        let mut merged = crate::interval_log::histogram();
        for interval in self
            .intervals
            .iter()
            .filter(|interval| keep(interval.series))
        {
            interval.histogram.add_to(&mut merged);
        }
        merged
    }

    /// Tells whether a phase is counted: not warm-up.
    pub fn is_counted(&self, phase: usize) -> bool {
        self.manifest
            .phases
            .get(phase)
            .is_some_and(|phase| !phase.warm_up)
    }
}
