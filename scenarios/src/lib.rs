//! The scenario format, and the schedule of arrivals it becomes.
//!
//! A [`Scenario`] is read from TOML; its [`Schedule`] is an iterator of [`Arrival`]s that depends on
//! nothing but the scenario and its seed. Nothing here knows a clock, a socket or a runtime.

pub mod access_log;
mod arrival;
mod arrival_process;
mod capture;
mod check;
mod condition;
mod curve;
mod data_set;
mod error;
mod expect;
mod fields;
mod harmonic;
mod journey;
mod key_space;
mod load;
mod mix;
mod names;
mod nearest;
mod overrides;
mod permutation;
mod phase;
mod popularity;
mod preview;
mod rate;
pub mod record;
mod request;
mod rule;
mod scenario;
mod schedule;
mod script;
mod stream;
mod targets;
mod template;
mod think;
mod units;
mod variables;
mod words;

pub use arrival::{Arrival, Draw};
pub use arrival_process::ArrivalProcess;
pub use capture::{Capture, CaptureSource};
pub use check::{Check, CheckTest, Expected, Needs};
pub use condition::{Condition, LastAnswer};
pub use data_set::{DataSet, RowOrder};
pub use error::ScenarioError;
pub use expect::Expect;
pub use journey::{Action, Journey, JourneyStep, JourneyWalk, Step, Turns, WalkError};
pub use key_space::KeySpace;
pub use load::{Load, Model};
pub use nearest::nearest;
pub use overrides::Overrides;
pub use phase::{Burst, Constant, Diurnal, Phase, Ramp, Shape, Spike, Steps, Trace};
pub use popularity::{FlashCrowd, HotSet, Latest, Popularity, Zipfian};
pub use preview::{KeySpacePreview, PhasePreview, Preview, RequestPreview, preview};
pub use rate::Rate;
pub use request::{Kind, RenderError, Rendered, Request};
pub use rule::{Abort, Comparison, Latency, Metric, Rule, Scope};
pub use scenario::{Scenario, Sessions};
pub use schedule::Schedule;
pub use script::{NextStep, Script, ScriptOutcome, ScriptResponse};
pub use think::Think;
pub use units::{UnitError, format_duration, parse_duration};
pub use variables::Variables;
