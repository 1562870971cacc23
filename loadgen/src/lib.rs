//! Sends the schedule of a scenario and records what came back.
//!
//! [`run`] is all there is to call; [`run_with`] takes journeys that are written in Rust ([`Visitor`]).
//! Inside, one thread carries a runtime of its own: the pacer takes
//! every arrival up at its intended time and the dispatcher hands it to an idle virtual user (a
//! Goose user that owns one keep-alive connection), which sends it and records five stamps. Answers
//! are checked here, where they are whole; what the latencies mean is for analysis to judge, which
//! reads the run directory alone.
//!
//! A paired run ([`Options::candidate`]) sends one scenario to two builds of a service in turns, by
//! the same users, so that whatever else changes on the machine falls on both alike.

mod answer;
mod clock;
mod connect;
mod error;
mod failure;
mod http;
mod pace;
mod record;
mod run;
mod shared;
mod usage;
mod user;

pub use answer::Reply;
pub use connect::{
    AuthScheme, Credentials, CredentialsError, CredentialsSource, DialOptions, HttpVersion,
    Resolve, Target, TlsOptions,
};
pub use error::LoadError;
pub use failure::Failure;
pub use record::{LatencyTotal, Percentiles, Progress};
pub use run::{Interrupt, Options, Recording, run, run_with};
pub use user::{Call, JourneyFunction, JourneyResult, Journeys, Stop, Visitor};
