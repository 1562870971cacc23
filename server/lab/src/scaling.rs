//! Groups of boxes that come and go: asks Prometheus how many boxes it wishes, starts and drains them, and tells the balancers.

mod event_log;
mod figures;
mod plan;
mod prometheus_client;
mod scaler;
mod sources;
mod status;

pub use event_log::log_path;
pub(crate) use plan::{GroupPlan, ScalingPlan, SparePlan};
pub(crate) use scaler::Scaler;
pub(crate) use sources::{check, sources};
pub use status::GroupStatus;
pub(crate) use status::write_table;

/// Name of the file in the directory of figures.
pub(crate) const FIGURES: &str = "boxes.prom";
