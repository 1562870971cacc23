//! The run directory: what a run leaves behind, and all that analysis reads.
//!
//! | file | written by | holds |
//! |---|---|---|
//! | `manifest.json` | the run, at its start and again at its end | [`Manifest`]: scenario, seed, versions, host |
//! | `counts.json` | the generator, every few seconds and at the end | [`Counts`]: what became of every arrival |
//! | `timeline.json` | the generator, every few seconds and at the end | [`Timeline`]: one row a second |
//! | `host.json` | the probe, at the end | [`HostTimeline`]: CPU and memory, once a second |
//! | `intervals.hlog` | the generator, as it runs | [`IntervalLog`]: every latency, by second, request and phase |
//! | `boxes.json` | the run of a stage, at its end | [`box_use::BoxUse`]: what each box used |
//! | `balancers.json` | the run of a stage, at its end | [`balancer_use::BalancerUse`]: where balancers sent what came |
//! | `agreement.json` | the generator, at the end of a paired run | [`Agreement`](agreement::Agreement): whether two builds gave the same answers |
//! | `samples.json` | the generator, every few seconds and at the end | [`sample::Sample`]: what came back where requests failed |
//! | `profile/` | the probe | `cpu.pb.gz`, `stacks.folded` ([`FoldedStacks`]), `profile.json` ([`ProfileInfo`]) |
//! | `generators/N/host.json` | a merge | what the machine of each merged generator did |
//! | `summary.json`, `report.html` | the report | what analysis made of the rest |
//!
//! The directory is the only contract between load and analysis: a report is rendered years later
//! with no server and no generator at hand. Times are nanoseconds since the start of the run unless
//! a name says otherwise.

pub mod counts;
mod error;
mod files;
mod histogram;
mod intervals;
mod run;
mod run_dir;
mod whole_file;

pub use counts::connections::{self, Connections};
pub use counts::{Checkpoint, Counts, DurationSummary, durations};
pub use error::RunDirError;
pub use files::host_timeline::{self, HostTimeline};
pub use files::manifest::{self, Manifest};
pub use files::timeline::{self, Timeline};
pub use files::{Flamegraph, FoldedStacks, ProfileInfo, agreement, balancer_use, box_use, sample};
pub use histogram::{
    BUCKET_BOUNDS_NS, HistogramSum, LATENCY_NS_MAX, SIGNIFICANT_DIGITS, SparseHistogram,
    latency_histogram,
};
pub use intervals::{
    Columns, IntervalFold, IntervalHistogram, IntervalLog, Intervals, LagPeaks, Metric, Series,
};
pub use run::Run;
pub use run_dir::RunDir;
pub use whole_file::{check_writable, is_written_in_place, write_whole, write_whole_with};
