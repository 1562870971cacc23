//! Sends the schedule of a scenario and records what came back.
//!
//! [`run`] is all there is to call. Inside, one thread carries a runtime of its own: the pacer takes
//! every arrival up at its intended time and the dispatcher hands it to an idle virtual user (a
//! Goose user that owns one keep-alive connection), which sends it and records five stamps. Nothing
//! here judges what it measures; that is analysis' part, which reads the run directory alone.

mod alarm;
mod attack;
mod capture;
mod clock;
mod connection;
mod dispatcher;
mod error;
mod failure;
mod fine_timer;
mod interval_set;
mod journey;
mod log_writer;
mod open_files;
mod pacer;
mod progress;
mod quantum;
mod recorder;
mod run;
mod set_up;
mod shared;
mod stamps;
mod target;
mod ticker;
mod usage;
mod user;

pub use error::LoadError;
pub use failure::Failure;
pub use progress::Progress;
pub use run::{Interrupt, Options, Recording, run};
pub use target::Target;
