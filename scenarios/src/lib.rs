//! The scenario format, and the schedule of arrivals it becomes.
//!
//! A [`Scenario`] is read from TOML. Its [`Schedule`] is an iterator of [`Arrival`]s that depends only on
//! the scenario and its seed. No code here uses a clock, a socket or an async runtime.
//!
//! Modules, from the lowest to the highest; each uses only those before it:
//!
//! - `format`: reading a TOML document: fields, units, errors with line and column
//! - `random`: seeded streams of random numbers
//! - `key_space`: keys and their popularity
//! - `request`: requests and their templates, variables, data files, checks, scripts
//! - `load`: times of arrivals: phases, curves, arrival processes
//! - `journey`: steps of users
//! - `rule`: objectives (SLO)
//! - `scenario`: the whole, command-line overrides, pairing of two builds
//! - `schedule`: arrivals in time order, journeys step by step, the preview
//! - `library`: scenarios that are compiled in
//!
//! Beside them, `schema` is the JSON Schema of the format.

mod format;
mod journey;
mod key_space;
mod library;
mod load;
mod random;
mod request;
mod rule;
mod scenario;
mod schedule;
mod schema;

pub use format::error::ScenarioError;
pub use format::nearest::{nearest, suggestion};
pub use format::position::Position;
pub use format::rate::Rate;
pub use format::toml_text;
pub use format::units::{UnitError, format_duration, parse_duration};
pub use journey::condition::{Condition, LastResponse};
pub use journey::think::Think;
pub use journey::{Action, Journey, JourneyStep, Turns};
pub use key_space::KeySpace;
pub use key_space::popularity::{FlashCrowd, HotSet, Latest, Popularity, Zipfian};
pub use library::{LIBRARY, PRICES};
pub use load::arrival_process::ArrivalProcess;
pub use load::phase::{Burst, Constant, Diurnal, Phase, Ramp, Shape, Spike, Steps, Trace};
pub use load::{Load, Model};
pub use random::harmonic::harmonic;
pub use random::stream::{Stream, stream};
pub use request::BUILT_IN_NAMES;
pub use request::body_file::BodyFile;
pub use request::capture::json_text::json_value;
pub use request::capture::{
    Capture, CaptureSource, HtmlSelector, Pattern, ResponseParts, WebForm, WebPage,
};
pub use request::check::{Check, CheckTest, Decimal, Expected, Needs, Scalar};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use request::data_file::fuzzing;
pub use request::data_file::{DataFile, RowOrder};
pub use request::draw::Draw;
pub use request::event_stream::EventStream;
pub use request::expect::Expect;
pub use request::field_value::{field_value, line_text};
pub use request::grpc::Grpc;
pub use request::grpc_status::status_text;
pub use request::message_field::{FieldStep, MessageField};
pub use request::script::{NextStep, Script, ScriptClock, ScriptOutcome, ScriptResponse};
pub use request::side::Side;
pub use request::template::escape_template;
pub use request::transport::{ConnectionUse, Retry, Transport};
pub use request::variables::Variables;
pub use request::websocket::WebSocket;
pub use request::{Kind, RenderError, Rendered, Request, is_framing};
pub use rule::{Abort, Comparison, Latency, Metric, Rule, Scope};
pub use scenario::overrides::Overrides;
pub use scenario::{Scenario, Sessions};
pub use schedule::Schedule;
pub use schedule::arrival::Arrival;
pub use schedule::journey_walk::{JourneyWalk, Step, WalkError};
pub use schedule::preview::{KeySpacePreview, PhasePreview, Preview, RequestPreview, preview};
pub use schedule::share::Share;
pub use schema::SCENARIO_SCHEMA;
