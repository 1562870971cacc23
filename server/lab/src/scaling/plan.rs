//! Plan of the groups of a stage.

use std::net::SocketAddr;
use std::path::PathBuf;

use tenfold_autoscale::Policy;

use crate::boxes::box_plan::BoxPlan;

/// Plan of the groups of a stage.
#[derive(Debug)]
pub(crate) struct ScalingPlan {
    /// The policy.
    pub(crate) policy: Policy,
    /// Address of Prometheus.
    pub(crate) prometheus: SocketAddr,
    /// Name of the box of Prometheus.
    pub(crate) prometheus_box: &'static str,
    /// Directory for the figures of boxes, which a node exporter reads.
    pub(crate) figures: PathBuf,
    /// File that lists the metrics of service boxes, which Prometheus reads.
    pub(crate) targets: PathBuf,
    /// The groups.
    pub(crate) groups: Vec<GroupPlan>,
}

/// Plan of a group.
#[derive(Debug)]
pub(crate) struct GroupPlan {
    /// Role of its boxes, and the list of servers in the balancer.
    pub(crate) role: &'static str,
    /// Name of the box of its balancer.
    pub(crate) balancer: &'static str,
    /// Boxes beyond the minimum, in the order in which they start. They alternate between the zones.
    pub(crate) spares: Vec<SparePlan>,
}

/// A box beyond the minimum.
#[derive(Debug)]
pub(crate) struct SparePlan {
    /// The box.
    pub(crate) plan: BoxPlan,
    /// Address of its service, for the balancer.
    pub(crate) address: SocketAddr,
}
