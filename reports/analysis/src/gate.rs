//! The statistics of a gate: whether a candidate is slower than its baseline.
//!
//! Both builds are measured in the same rounds. Of each round and metric stands
//! `d = ln(candidate / baseline)`; [`decide`] says what the rounds so far show, [`next`] whether to
//! go on, and [`calibrate`] which metrics a machine can gate at all. The rate of false alarms over
//! all metrics and looks is held at or under [`Settings::alpha`]: [`looks`] splits it between the
//! looks, [`holm`] between the metrics, and the tests are exact. [`GateOutcome`] is what is told of it all.

mod calibration;
mod cluster;
mod decision;
mod detectable;
mod failures;
mod hodges_lehmann;
mod holm;
mod looks;
mod metric;
mod next;
mod normal;
mod outcome;
mod plan;
mod round;
mod scale;
mod serial;
mod settings;
mod signed_rank;

pub use calibration::{MetricCalibration, calibrate, calibrated};
pub use decision::{Decision, GateVerdict, decide};
pub use detectable::{rounds_needed, smallest_detectable};
pub use failures::{FailureResult, FailureRule};
pub(crate) use hodges_lehmann::median;
pub use hodges_lehmann::{HodgesLehmann, Interval, WalshAverages};
pub use holm::holm;
pub use looks::{Look, Split, looks};
pub use metric::{Effect, Metric, MetricResult, Role};
pub use next::{Next, next};
pub(crate) use normal::upper_quantile;
pub use outcome::{
    AnswerDifference, AnswerSeen, Answers, BadDay, Build, Calibration, Cause, Conclusion,
    Flamegraphs, FunctionChange, GATE_VERSION, GateOutcome, MemoryGrowth, MemorySample, MemoryUse,
    ProfileCount, RequestAnswers, RoundRecord, Side, WaitChange,
};
pub use plan::{Plan, PlanError};
pub use round::{Attempts, Pair, Round};
pub use scale::qn_scale;
pub use serial::serial_inflation;
pub use settings::{Limits, Settings};
pub use signed_rank::SignedRank;
