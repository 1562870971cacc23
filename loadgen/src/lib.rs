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

mod abort;
mod address;
mod agreement_log;
mod alarm;
mod attack;
mod body_framing;
mod capture;
mod check;
mod checkpoint;
mod clock;
mod connection;
mod credentials;
mod deadlines;
mod dial;
mod dial_options;
mod dials;
mod digest;
mod dispatcher;
mod error;
mod evidence_log;
mod failure;
mod fine_timer;
mod http1;
mod http2;
mod in_flight;
mod interval_set;
mod journey;
mod judgement;
mod key_tally;
mod log_writer;
mod mask;
mod open_files;
mod pacer;
mod progress;
mod quantum;
mod recorder;
mod request_head;
mod request_tally;
mod resolve;
mod response_reader;
mod run;
mod set_up;
mod shared;
mod stamped_tcp;
mod stamps;
mod stream;
mod target;
mod ticker;
mod timeline_rows;
mod tls;
mod traffic;
mod usage;
mod user;
mod visitor;

pub use credentials::{AuthScheme, Credentials, CredentialsError, CredentialsSource};
pub use dial_options::{DialOptions, HttpVersion};
pub use error::LoadError;
pub use failure::Failure;
pub use progress::{LatencyTotal, Percentiles, Progress};
pub use resolve::Resolve;
pub use run::{Interrupt, Options, Recording, run, run_with};
pub use target::Target;
pub use tls::TlsOptions;
pub use visitor::{Call, JourneyFunction, JourneyResult, Journeys, Reply, Stop, Visitor};
