//! Integration tests of the probe, one module per subject.

mod admin_listener;
#[cfg(all(feature = "mysql", feature = "redis"))]
mod component_watch;
