//! The run directory: what a run leaves behind, and all that analysis reads.
//!
//! | file | written by | holds |
//! |---|---|---|
//! | `manifest.json` | the run, at its start and again at its end | [`Manifest`]: scenario, seed, versions, host |
//! | `counts.json` | the generator, every few seconds and at the end | [`Counts`]: what became of every arrival |
//! | `timeline.json` | the generator, every few seconds and at the end | [`Timeline`]: one row a second |
//! | `host.json` | the probe, at the end | [`HostTimeline`]: CPU and memory, once a second |
//! | `intervals.hlog` | the generator, as it runs | [`interval_log`]: every latency, by second, request and phase |
//! | `boxes.json` | the run of a stage, at its end | [`box_use::BoxUse`]: what each box used |
//! | `balancers.json` | the run of a stage, at its end | [`balancer_use::BalancerUse`]: where balancers sent what came |
//! | `agreement.json` | the generator, at the end of a paired run | [`Agreement`](agreement::Agreement): whether two builds gave the same answers |
//! | `samples.json` | the generator, every few seconds and at the end | [`sample::Sample`]: what came back where requests failed |
//! | `profile/` | the probe | `cpu.pb.gz`, `flamegraph.svg`, `profile.json` ([`ProfileInfo`]) |
//! | `generators/N/host.json` | a merge | what the machine of each merged generator did |
//! | `summary.json`, `report.html` | the report | what analysis made of the rest |
//!
//! The directory is the only contract between load and analysis: a report is rendered years later
//! with no server and no generator at hand. Times are nanoseconds since the start of the run unless
//! a name says otherwise.

pub mod agreement;
pub mod balancer_use;
pub mod box_use;
mod bucket_bounds;
pub mod checkpoint;
mod columns;
pub mod connections;
pub mod counts;
pub mod durations;
mod encoded;
mod error;
mod histogram_sum;
pub mod host_timeline;
mod interval_fold;
pub mod interval_log;
mod intervals;
mod lag_peaks;
pub mod manifest;
mod metric;
mod profile;
mod run;
mod run_dir;
pub mod sample;
mod sparse_histogram;
pub mod timeline;
mod whole_file;

pub use bucket_bounds::BUCKET_BOUNDS_NS;
pub use checkpoint::Checkpoint;
pub use columns::Columns;
pub use connections::Connections;
pub use counts::Counts;
pub use error::RunDirError;
pub use histogram_sum::HistogramSum;
pub use host_timeline::HostTimeline;
pub use interval_fold::IntervalFold;
pub use intervals::{IntervalHistogram, Intervals};
pub use lag_peaks::LagPeaks;
pub use manifest::Manifest;
pub use metric::{Metric, Series};
pub use profile::ProfileInfo;
pub use run::Run;
pub use run_dir::RunDir;
pub use sparse_histogram::SparseHistogram;
pub use timeline::Timeline;
pub use whole_file::{check_writable, is_written_in_place, write_whole, write_whole_with};
