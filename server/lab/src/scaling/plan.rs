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
    /// Role of its boxes.
    pub(crate) role: &'static str,
    /// Name of the box of its balancer.
    pub(crate) balancer: &'static str,
    /// Its servers in the balancer.
    pub(crate) list: ServerList,
    /// Boxes beyond the minimum, in the order in which they start. They alternate between the zones.
    pub(crate) spares: Vec<SparePlan>,
}

/// A list of servers in a balancer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerList {
    /// Name of the list.
    pub(crate) name: &'static str,
    /// How the balancer learns of boxes that come and go.
    pub(crate) listing: Listing,
}

/// How a balancer learns of boxes that come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// It adds each when it is ready, and removes it.
    Told,
    /// Its settings name all, and those without a box are in maintenance. A program can check only these servers (HAProxy 2.6).
    Named,
}

/// A box beyond the minimum.
#[derive(Debug)]
pub(crate) struct SparePlan {
    /// The box.
    pub(crate) plan: BoxPlan,
    /// Address of its service, for the balancer.
    pub(crate) address: SocketAddr,
}
