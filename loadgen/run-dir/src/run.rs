//! A run, as analysis sees it.

use std::path::PathBuf;

use crate::files::agents::Agents;
use crate::files::balancer_use::BalancerUse;
use crate::files::box_use::BoxUse;
use crate::files::component_use::ComponentUse;
use crate::files::faults::Faults;
use crate::files::incident::Incident;
use crate::files::sample::Sample;
use crate::files::scaling::Scaling;
use crate::{
    Counts, Flamegraph, HeapProfile, HostTimeline, IntervalFold, Manifest, OffCpuProfile,
    ProfileInfo, ServerTiming, TargetMetrics, Timeline,
};

/// A run, read back from its directory.
#[derive(Debug, Clone)]
pub struct Run {
    /// Directory that it was read from.
    pub path: PathBuf,
    /// Scenario, target, machine and tool.
    pub manifest: Manifest,
    /// Outcome of every arrival.
    pub counts: Counts,
    /// Counts, second by second.
    pub timeline: Timeline,
    /// CPU and memory of the machine and of the target. Empty if nothing was sampled.
    pub host: HostTimeline,
    /// Resources that the boxes of the stage used. Empty if the run did not start the stage.
    pub boxes: Vec<BoxUse>,
    /// Traffic of the load balancers. Empty if the stage has none, or the run did not start it.
    pub balancers: Vec<BalancerUse>,
    /// Groups of boxes that came and went. Empty if the stage has none, or the run did not start it.
    pub scaling: Scaling,
    /// Alerts that fired. Empty if nothing watched the stage, or the run did not start it.
    pub incidents: Vec<Incident>,
    /// Faults that `tenfold lab chaos` caused. `None` for other runs.
    pub faults: Option<Faults>,
    /// Work and waits of the databases, caches and web servers behind the service. Empty if none was watched.
    pub components: Vec<ComponentUse>,
    /// Latencies: the folded interval log.
    pub latencies: IntervalFold,
    /// Records of the generators that shared the load, in order; their sum is the record above. Empty for a run of one
    /// generator, and for a merged run.
    pub generators: Vec<GeneratorRecord>,
    /// The machines of the generators, if agents sent the load. Empty otherwise.
    pub agents: Agents,
    /// Source and completeness of the CPU profile. `None` without a profile.
    pub profile: Option<ProfileInfo>,
    /// Input of the flamegraph. `None` without a profile.
    pub flamegraph: Option<Flamegraph>,
    /// Waits of the service's threads. `None` if they were not profiled.
    pub off_cpu: Option<OffCpuProfile>,
    /// Memory that the service allocated. `None` if it offers no heap profile.
    pub heap: Option<HeapProfile>,
    /// Metrics that the target reported over time. Empty if it reported none.
    pub metrics: TargetMetrics,
    /// Responses to failed requests, a few of each kind.
    pub samples: Vec<Sample>,
    /// Where sampled requests spent their time. Empty if no request was sampled.
    pub server_timing: ServerTiming,
}

/// The record of one generator of several.
#[derive(Debug, Clone)]
pub struct GeneratorRecord {
    /// Number of the generator, from 1.
    pub number: u32,
    /// Outcome of every arrival of its share.
    pub counts: Counts,
    /// Counts of its share, second by second.
    pub timeline: Timeline,
    /// Latencies of its share: its folded interval log.
    pub latencies: IntervalFold,
    /// CPU and memory of its machine. Empty for a generator on the machine of the run, and if nothing was sampled.
    pub host: HostTimeline,
}

impl Run {
    /// Returns whether a phase is counted, that is, not warm-up.
    pub fn is_counted(&self, phase: usize) -> bool {
        self.manifest
            .phases
            .get(phase)
            .is_some_and(|phase| !phase.warm_up)
    }
}
