//! Captures profiles, metrics and host counters from a target while load runs.
//!
//! The sources are public conventions, so that any service can be probed: Prometheus text at `/metrics` ([`Metrics`]), and a
//! gzipped `profile.proto` at Go's path `/debug/pprof/profile` ([`profile`]). If the target runs on this machine, `/proc` is
//! a source too ([`HostSampler`]). A value that a source does not report is `None`, never zero.
//!
//! All calls block. Call them from async code on a blocking thread.

mod admin_listener;
mod component_watch;
mod control_group;
mod delay_switch;
pub mod doctor;
mod error;
mod feed_desk;
pub mod host;
mod host_counters;
mod host_sampler;
mod http;
mod job_desk;
pub mod latency;
pub mod limits;
mod metric_selector;
pub mod metrics;
mod metrics_sampler;
mod other_processes;
pub mod process_tree;
mod procfs;
pub mod profile;
mod target_processes;

pub use admin_listener::AdminListener;
pub use component_watch::{
    ComponentKind, ComponentUrl, ComponentUrlError, ComponentWatch, WatchedComponent,
};
pub use delay_switch::{DelayKind, DelaySwitch, DelayedComponent, DelayedComponents};
pub use doctor::{Component, Doctor, doctor};
pub use error::ProbeError;
pub use feed_desk::{FeedDesk, FeedRepair, FeedStatus};
pub use host_sampler::{HostSampler, Target};
pub use http::page;
pub use job_desk::{DeadLetter, JobDesk, QueueStatus};
pub use metric_selector::MetricSelector;
pub use metrics::{Metrics, Sample};
pub use metrics_sampler::MetricsSampler;
pub use profile::Profile;
