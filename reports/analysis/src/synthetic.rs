//! Synthetic runs and gates from a model of a service, for tests with known results and for report previews.

mod made_up;
mod made_up_gate;
pub mod queue;
mod recorder;
mod stream;

pub use made_up::{MadeUp, Traffic};
pub use made_up_gate::MadeUpGate;
