//! The run directory: the files of a run, and the only input of analysis.
//!
//! | file | written by | content |
//! |---|---|---|
//! | `manifest.json` | the run, at its start and its end | [`Manifest`]: scenario, seed, versions, host |
//! | `counts.json` | the generator, every few seconds and at the end | [`Counts`]: the outcome of every arrival |
//! | `timeline.json` | the generator, every few seconds and at the end | [`Timeline`]: one row per second |
//! | `host.json` | the probe, at the end | [`HostTimeline`]: CPU and memory, once per second |
//! | `intervals.hlog` | the generator, as it runs | [`IntervalLog`]: all latencies, by second, request and phase |
//! | `boxes.json` | the run of a stage, at its end | [`box_use::BoxUse`]: resources of each box |
//! | `balancers.json` | the run of a stage, at its end | [`balancer_use::BalancerUse`]: traffic of the load balancers |
//! | `scaling.json` | the run of a stage that scales, at its end | [`scaling::Scaling`]: events of its groups |
//! | `incidents.json` | the run of a stage that is watched, at its end | [`incident::Incident`]: alerts that fired |
//! | `faults.json` | `tenfold lab chaos`, at its end | [`faults::Faults`]: what was broken |
//! | `components.json` | the probe, at the end | [`component_use::ComponentUse`]: work and waits of databases, caches and web servers |
//! | `agents.json` | the run on several machines, at its start and its end | [`agents::Agents`]: the machines, and their clocks |
//! | `agreement.json` | the generator, at the end of a paired run | [`Agreement`](agreement::Agreement): whether two builds responded alike |
//! | `samples.json` | the generator, every few seconds and at the end | [`sample::Sample`]: responses to failed requests |
//! | `server_timing.json` | the generator, every few seconds and at the end | [`ServerTiming`]: where sampled requests spent their time in the service |
//! | `metrics.json` | the probe, at the end | [`TargetMetrics`]: the target's own metrics over time |
//! | `profile/` | the profiler, the probe | `cpu.pb.gz`, `stacks.folded` ([`FoldedStacks`]), `profile.json` ([`ProfileInfo`]); `off-cpu.folded`, `off-cpu.json` ([`OffCpuProfile`]); `heap-allocated.folded`, `heap-grown.folded`, `heap.json` ([`HeapProfile`]) |
//! | `generators/N/` | the generators of a run with several | `counts.json`, `timeline.json`, `intervals.hlog` and others of each ([`GeneratorRecord`]); the files above are their exact sum |
//! | `generators/N/host.json` | a merge | CPU and memory of the machine of each generator |
//! | `summary.json`, `report.html` | the report | the results of analysis |
//!
//! The directory is the only contract between load and analysis. A report can be rendered years later, without service or
//! generator. Times are nanoseconds since the start of the run, unless a name says otherwise.

mod atomic_file;
pub mod counts;
mod error;
mod files;
mod find;
mod histogram;
mod intervals;
mod run;
mod run_dir;

pub use atomic_file::{check_writable, is_written_in_place, write_atomic, write_atomic_with};
pub use counts::connections::{self, Connections};
pub use counts::{Blame, Checkpoint, Counts, DurationSummary, durations};
pub use error::RunDirError;
pub use files::heap::{self, HeapInfo, HeapProfile};
pub use files::host_timeline::{self, HostTimeline};
pub use files::manifest::{self, Manifest};
pub use files::off_cpu::{self, OffCpuInfo, OffCpuProfile};
pub use files::server_timing::{self, ServerTiming};
pub use files::target_metrics::{self, TargetMetrics};
pub use files::timeline::{self, Timeline};
pub use files::{
    Flamegraph, FoldedStacks, ProfileInfo, agents, agreement, balancer_use, box_use, component_use,
    faults, incident, sample, scaling,
};
pub use find::find_runs;
pub use histogram::{
    BUCKET_BOUNDS_NS, HistogramSum, LATENCY_NS_MAX, SIGNIFICANT_DIGITS, SparseHistogram,
    latency_histogram,
};
pub use intervals::{
    Columns, CountedColumns, IntervalFold, IntervalGroup, IntervalHistogram, IntervalLog,
    IntervalTail, Intervals, LagPeaks, Metric, Series, StepSums, interval_groups, merge_intervals,
    nearest_second,
};
pub use run::{GeneratorRecord, Run};
pub use run_dir::RunDir;
