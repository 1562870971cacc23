//! The plan of a stage.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::boxes::box_plan::BoxPlan;
use crate::control::status::DoorStatus;
use crate::identity::Authority;
use crate::network::Flow;
use crate::scaling::ScalingPlan;
use crate::watching::WatchingPlan;

/// The plan of a stage: its boxes and the connections between them.
#[derive(Debug)]
pub(crate) struct StagePlan {
    /// Boxes that start together, once all boxes of the previous wave are ready.
    pub(crate) waves: Vec<Vec<BoxPlan>>,
    /// Entrance of the stage.
    pub(crate) entrance: Entrance,
    /// Connections that the stage needs. A private network rejects all others.
    pub(crate) flows: Vec<Flow>,
    /// Groups of boxes that come and go. `None` if the stage has none.
    pub(crate) scaling: Option<ScalingPlan>,
    /// Pages and alerts. `None` if the stage has none.
    pub(crate) watching: Option<WatchingPlan>,
    /// Authority that issued the certificates of the boxes. `None` if they have none.
    pub(crate) authority: Option<Authority>,
}

/// The entrance of a stage: the box that clients connect to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entrance {
    /// Name of the box.
    pub(crate) name: String,
    /// Address of its service. `None` if it is known only once the box is ready.
    pub(crate) address: Option<SocketAddr>,
    /// CA certificate that signed its certificate. `None` for plain HTTP.
    pub(crate) ca: Option<PathBuf>,
    /// Address of its statistics. `None` if it is no balancer.
    pub(crate) statistics: Option<SocketAddr>,
    /// Address that redirects plain HTTP to HTTPS.
    pub(crate) redirect: Option<SocketAddr>,
    /// Name of the service. `None` if it has none.
    pub(crate) door: Option<DoorStatus>,
}
