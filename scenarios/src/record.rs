//! What becomes of an access log: a trace to replay, or a fitted scenario.
//!
//! [`trace`] sends the same requests again, at their distances or faster, against any target.
//! [`model`] keeps the shape alone (the rate over time, the mix, the popularity of keys), so that it can
//! be played on the reference service at any scale. Both return texts; writing files is up to
//! the caller.

mod fit_report;
mod mix;
mod model;
mod model_toml;
mod rank_fit;
mod rate_shape;
mod request_class;
mod toml_text;
mod trace;
mod zipf_fit;
mod zipf_law;

pub use fit_report::FitReport;
pub use mix::MixFit;
pub use model::{Model, ModelOptions, model};
pub use rate_shape::RateFit;
pub use trace::{TraceOptions, TraceScenario, trace};
pub use zipf_fit::{Fit, ZipfFit};

/// A log that can be read but not recorded.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecordError {
    /// Nothing in it can be sent.
    #[error(
        "none of the {lines} lines of {origin} holds a request that can be sent; give a log with requests"
    )]
    NoRequest {
        /// The log.
        origin: String,
        /// How many of its lines were read.
        lines: u64,
    },
    /// The replay would last longer than a phase may.
    #[error(
        "at {speed} times its speed the trace of {origin} lasts {length}, and a phase at most 30 days; record it with a --speed of {enough} or more"
    )]
    TooLong {
        /// The log.
        origin: String,
        /// The speed asked for.
        speed: f64,
        /// How long it would last.
        length: String,
        /// A speed that is high enough.
        enough: f64,
    },
    /// An option is out of its range.
    #[error("{option} is {value}, out of its range of {range}")]
    Option {
        /// Which.
        option: &'static str,
        /// What was given.
        value: String,
        /// What may be given.
        range: &'static str,
    },
}
