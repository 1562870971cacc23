//! Decision of a gate: whether a candidate is slower than its baseline.
//!
//! Both builds are measured in the same rounds. Each round yields `d = ln(candidate / baseline)` for each
//! metric. [`decide`] judges the rounds so far, [`next`] decides whether to continue, and [`calibrate`] finds
//! the metrics that a machine can gate. The rate of false alarms over all metrics and looks is at most
//! [`Settings::alpha`]: [`looks`](tenfold_stats::looks) splits it between the looks,
//! [`holm`](tenfold_stats::holm()) between the metrics, and the tests are exact. [`GateOutcome`] is the complete
//! result.

mod calibration;
mod decision;
mod effect;
mod failures;
mod metric;
mod metric_result;
mod next;
mod outcome;
mod pair;
mod plan;
mod round;
mod settings;
mod verdict;

pub use calibration::{MetricCalibration, calibrate, calibrated};
pub use decision::{Decision, decide};
pub use effect::Effect;
pub use failures::{FailureResult, FailureRule};
pub use metric::{Metric, Role};
pub use metric_result::MetricResult;
pub use next::{Next, next};
pub use outcome::{
    AnswerDifference, AnswerSeen, Answers, BadDay, Build, Calibration, Cause, Conclusion,
    Flamegraphs, FunctionChange, GATE_VERSION, GateOutcome, MemoryGrowth, MemorySample, MemoryUse,
    ProfileCount, RequestAnswers, RoundRecord, WaitChange,
};
pub use pair::Pair;
pub use plan::{Plan, PlanError};
pub use round::{Attempts, Round};
pub use settings::{Limits, Settings};
pub use verdict::GateVerdict;

pub use tenfold_scenarios::Side;
