//! Limits on calls between services, so that an overload or an outage of one does not spread.

mod circuit;

pub(crate) use circuit::{Admission, Circuit};
#[cfg(test)]
pub(crate) use circuit::{FAILURES_MAX, PAUSE_MAX};
