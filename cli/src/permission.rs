//! Which hosts load may be sent to.

pub(crate) mod host_guard;
mod permitted_hosts;
