//! A run, read back.

use std::path::PathBuf;

use crate::files::balancer_use::BalancerUse;
use crate::files::box_use::BoxUse;
use crate::files::sample::Sample;
use crate::{Counts, Flamegraph, HostTimeline, IntervalFold, Manifest, ProfileInfo, Timeline};

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
    /// What the boxes of the stage used; empty where the service was up before.
    pub boxes: Vec<BoxUse>,
    /// Where the balancers of the stage sent what came; empty where it has none, or the service was up before.
    pub balancers: Vec<BalancerUse>,
    /// The interval log, folded.
    pub latencies: IntervalFold,
    /// How the CPU profile was taken; none where there is none.
    pub profile: Option<ProfileInfo>,
    /// What the flamegraph is drawn from. `None` without a profile.
    pub flamegraph: Option<Flamegraph>,
    /// What came back where requests failed, a few of each kind.
    pub samples: Vec<Sample>,
}

impl Run {
    /// Tells whether a phase is counted: not warm-up.
    pub fn is_counted(&self, phase: usize) -> bool {
        self.manifest
            .phases
            .get(phase)
            .is_some_and(|phase| !phase.warm_up)
    }
}
