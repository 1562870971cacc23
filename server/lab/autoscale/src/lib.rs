//! Scaling policies: when to add boxes to a group, and when to remove them.
//!
//! A [`Policy`] is read from TOML ([`Policy::parse`]) and written in a [`Format`]: Prometheus recording rules, manifests of
//! Kubernetes' HorizontalPodAutoscaler or KEDA's ScaledObject, or requests to AWS Application Auto Scaling. Names and meanings
//! follow Kubernetes' HorizontalPodAutoscaler v2 (<https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/>).
//!
//! [`Decision`] explains the figures that the rules record.

mod decision;
mod format;
mod policy;
mod reading;

pub use decision::{Decision, Sample};
pub use format::{Format, Written};
pub use policy::quantity::{ByteRate, ClockTime, Percent, Seconds};
pub use policy::{Amount, Day, Group, Limit, Metric, Policy, Scaling, Schedule, Select, Signal};
pub use reading::PolicyError;

/// The policy of stage `autoscaled`, as TOML.
pub const DEFAULT: &str = include_str!("../autoscale.toml");

/// JSON Schema of policies.
pub const SCHEMA: &str = include_str!("../autoscale.schema.json");
