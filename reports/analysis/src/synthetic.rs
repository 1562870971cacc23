//! Runs and gates made up from a model of a service: for tests with known answers, and for looking at reports.

mod made_up;
mod made_up_gate;
mod recorder;
mod stream;

pub use made_up::{MadeUp, Traffic};
pub use made_up_gate::MadeUpGate;
