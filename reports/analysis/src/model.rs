//! Models of services from their runs, to simulate them at other loads and sizes.
//!
//! The CPU time of a request at each box comes from runs at about the rate in question, by the utilisation law. Its division among the
//! requests of the scenario comes from `Server-Timing`, and the time that is spent without CPU from the response times at low
//! load. What a run does not say is in [`ServiceModel::missing`].

mod box_cpu;
mod observation;
mod role;
mod service_model;
mod weights;

pub use observation::{BoxSample, Observation};
pub use role::Role;
pub use service_model::{ModelError, ServiceModel, TierModel};
