//! Verdicts, findings and gate decisions: pure functions over runs.
//!
//! [`summarise`] computes the summary of a run, [`charts`] the series of its charts, and [`compare`] the
//! differences between several runs. [`gate`] decides whether one build is slower than another, and
//! [`history`] finds the changes in a series of gates or runs, [`knee`] the highest rate that a service sustains, and
//! [`diagnosis`] its bottleneck there. [`plan`] is arithmetic before any run, [`model`] describes a service by its runs, and
//! [`forecast`] simulates it at other sizes. The statistics are in `tenfold-stats`.
//! Nothing here reads a file or a clock. Reports format these results and compute nothing.

mod charts;
mod comparison;
mod component_cause;
pub mod diagnosis;
mod failure_class;
mod faults;
mod findings;
pub mod forecast;
pub mod format;
mod function_times;
pub mod gate;
pub mod history;
pub mod knee;
pub mod ladder;
mod latency;
mod merge;
pub mod model;
pub mod plan;
mod scaling;
mod summarise;
mod summary;
#[cfg(feature = "synthetic")]
pub mod synthetic;
mod verdict;

pub use charts::{
    Charts, Cores, FailureKind, FailuresOverTime, HeatMap, InFlight, LatencyOverTime,
    MetricOverTime, PercentileCurve, PercentilePoint, PhaseBand, RatesOverTime, RequestCharts,
    ScalingOverTime, charts,
};
pub use comparison::{
    Comparison, Difference, Direction, Effect, EffectUnit, FunctionChange, ProfileComparison,
    RunEffects, WaitChange, compare,
};
pub use function_times::{FunctionTime, function_times};
pub use latency::distribution::{Distribution, PercentileStep, distributions};
pub use latency::exchange_times::{ExchangeTimes, exchange_times};
pub use latency::percentiles::{Latencies, Latency, PercentileIntervals};
pub use latency::scope::Scope;
pub use latency::scope_intervals::{ScopeInterval, intervals_by_scope};
pub use latency::second::{Second, seconds};
pub use merge::{MergeError, merge};
pub use summarise::summarise;
pub use summary::agents::AgentsSummary;
pub use summary::failed_by::{FailedBy, OWN_FAILURES_MAX};
pub use summary::faults::{FaultEffect, FaultSummary};
pub use summary::finding::{Confidence, Finding};
pub use summary::generator::Generator;
pub use summary::hot_keys::{HotKeys, TopShare};
pub use summary::identities::Identity;
pub use summary::objective_gaps::{ObjectiveGaps, SlowerAlone};
pub use summary::phase::PhaseSummary;
pub use summary::rates::Rates;
pub use summary::request::{EventStreams, Group, RequestSummary};
pub use summary::rule_result::RuleResult;
pub use summary::scaling::{GroupScaling, ScaleUp, ScalingSummary};
pub use summary::server_time::{PartTime, ServerTime, TimeBand};
pub use summary::too_few_users::TooFewUsers;
pub use summary::usage::{HostUsage, TargetUsage};
pub use summary::verdict::{MeasurementVerdict, SloVerdict, Verdict};
pub use summary::{SUMMARY_VERSION, Summary};
