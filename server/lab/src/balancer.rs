//! A running balancer: its runtime API and its counters.

#[cfg(fuzzing)]
pub mod fuzzing;
mod runtime_api;
mod status;

pub(crate) use runtime_api::{RuntimeApi, SOCKET};
pub(crate) use status::write_table;
pub use status::{BalancerStatus, ServerStatus};
