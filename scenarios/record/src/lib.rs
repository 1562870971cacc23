//! Access logs and HAR files, read into requests and turned into scenarios.
//!
//! [`AccessLog`] reads a log. [`trace`] makes a scenario that replays its requests, at the recorded
//! intervals or faster. [`model`] makes a scenario with the same traffic shape (rate over time, mix,
//! popularity of keys) for the reference service, at any scale. [`journey`] makes a scenario in which
//! each user repeats the visit of a HAR file. All return text; the caller writes the files.

mod access_log;
mod error;
mod format;
mod har;
mod input;
mod journey;
mod model;
mod trace;

pub use access_log::clock_outlier::ClockOutlier;
pub use access_log::host_choice::HostChoice;
pub use access_log::log_reader::LogReader;
pub use access_log::{AccessLog, HotKey, LogSummary, Record, RecordedRequest, Share};
pub use error::RecordError;
pub use format::Format;
pub use format::error::FormatError;
pub use format::log_time::Grain;
pub use har::archive::HttpArchive;
pub use har::is_har;
pub use input::ReadOptions;
pub use input::broken_line::BrokenLine;
pub use input::log_error::LogError;
pub use journey::{JourneyOptions, JourneyScenario, journey};
pub use model::fit_report::FitReport;
pub use model::mix::MixFit;
pub use model::rate_shape::RateFit;
pub use model::zipf_fit::{Fit, ZipfFit};
pub use model::{Model, ModelOptions, model};
pub use trace::{TraceOptions, TraceScenario, trace};
