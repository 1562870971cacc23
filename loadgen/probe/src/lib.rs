//! What is captured from a target while load runs: profiles, metrics, host counters.
//!
//! Whatever is captured comes over public conventions, so that it works for any service:
//! Prometheus text at `/metrics` ([`Metrics`]), a gzipped `profile.proto` at Go's path
//! `/debug/pprof/profile` ([`profile`]); and from `/proc` where the target runs on this machine
//! ([`HostSampler`]). Where a system or a target does not tell something, it is absent, never zero.
//!
//! All calls block; from async code, use a blocking thread.

mod admin_listener;
pub mod doctor;
mod error;
pub mod host;
mod host_sampler;
mod http;
pub mod limits;
pub mod metrics;
pub mod process_tree;
mod procfs;
pub mod profile;

pub use admin_listener::AdminListener;
pub use doctor::{Component, Doctor, doctor};
pub use error::ProbeError;
pub use host_sampler::{HostSampler, Target};
pub use metrics::{Metrics, Sample};
pub use profile::Profile;
