//! The balancer while it runs: its runtime API, and what it counted.

mod runtime_api;
mod status;

pub(crate) use runtime_api::{RuntimeApi, SOCKET};
pub(crate) use status::write_table;
pub use status::{BalancerStatus, ServerStatus};
