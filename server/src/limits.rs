//! Limits on calls between services, so that an overload or an outage of one does not spread.

mod circuit;
pub(crate) mod deadline;
#[cfg(any(feature = "nats", feature = "s3", feature = "services"))]
mod guard;
mod jitter;
#[cfg(feature = "mysql")]
mod places;

pub(crate) use circuit::{Admission, Circuit};
#[cfg(test)]
pub(crate) use circuit::{FAILURES_MAX, PAUSE_MAX};
#[cfg(any(feature = "nats", feature = "s3", feature = "services"))]
pub(crate) use guard::{Guard, GuardedError};
pub(crate) use jitter::jittered;
#[cfg(feature = "mysql")]
pub(crate) use places::{NoPlace, Places};
