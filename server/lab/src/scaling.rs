//! Groups of boxes that come and go: asks Prometheus how many boxes it wishes, starts and drains them, and tells the balancers.

mod event_log;
mod figures;
mod group;
mod plan;
mod prometheus_client;
mod scaler;
mod sources;
mod spare;
mod status;
mod step;

pub use event_log::log_path;
pub(crate) use plan::{GroupPlan, Listing, ScalingPlan, ServerList, SparePlan};
pub(crate) use scaler::Scaler;
pub(crate) use sources::{check, sources};
pub(crate) use status::write_table;
pub use status::{GroupStatus, SpareUse};

/// Name of the file in the directory of figures.
pub(crate) const FIGURES: &str = "boxes.prom";
