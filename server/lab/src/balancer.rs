//! A running balancer: its runtime API and its counters.

#[cfg(fuzzing)]
pub mod fuzzing;
mod runtime_api;
mod status;

use std::time::Duration;

pub(crate) use runtime_api::{RuntimeApi, SOCKET};
pub(crate) use status::write_table;
pub use status::{BalancerStatus, ServerStatus};

/// Maximum time that a drain may take. Longer than the request timeouts of the service and the balancers.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(35);
