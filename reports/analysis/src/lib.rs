//! Statistics, verdicts and findings: pure functions over runs.
//!
//! [`summarise`] makes of a run what is quoted of it, [`charts`] what is drawn of it, and [`compare`]
//! what sets several apart. [`gate`] says whether one build is slower than another, and
//! [`history`] when a series of them changed. Nothing here reads a file or a clock; reports format what
//! is returned and compute nothing.

mod arrivals;
mod change_points;
mod charts;
mod comparison;
mod distribution;
mod exchange_times;
mod findings;
pub mod gate;
mod generator;
pub mod history;
mod hot_keys;
mod identities;
mod latency;
mod merge;
mod merged;
mod merged_intervals;
mod order_statistic;
mod proportion;
mod rules;
mod scope_intervals;
mod seconds;
mod stretches;
mod summary;
#[cfg(feature = "synthetic")]
pub mod synthetic;
mod usage;
mod verdict;
mod window;
pub mod words;

pub use arrivals::Arrivals;
pub use change_points::{ChangePoint, ChangePointSettings, change_points};
pub use charts::{
    Charts, Cores, HeatMap, InFlight, LatencyOverTime, PercentileCurve, PercentilePoint, PhaseBand,
    RatesOverTime, charts,
};
pub use comparison::{Comparison, Difference, compare};
pub use distribution::{Distribution, PercentileStep, Scope, distributions};
pub use exchange_times::{ExchangeTimes, exchange_times};
pub use findings::{Confidence, Finding};
pub use generator::Generator;
pub use hot_keys::{HotKeys, TopShare};
pub use identities::Identity;
pub use latency::{Latencies, Latency, PercentileIntervals};
pub use merge::{MergeError, merge};
pub use merged_intervals::merge_intervals;
pub use order_statistic::{
    CONFIDENCE, Estimate, OrderStatistics, SAMPLES_BEYOND, interval_ranks, samples_beyond,
};
pub use proportion::wilson_interval;
pub use rules::RuleResult;
pub use scope_intervals::{ScopeInterval, intervals_by_scope};
pub use seconds::{Second, seconds};
pub use summary::{Group, Rates, RequestSummary, SUMMARY_VERSION, Summary, summarise};
pub use usage::{HostUsage, TargetUsage};
pub use verdict::{MeasurementVerdict, SloVerdict, Verdict};
