//! The plan of a stage.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::boxes::box_plan::BoxPlan;
use crate::network::Flow;

/// The plan of a stage: its boxes and the connections between them.
#[derive(Debug)]
pub(crate) struct StagePlan {
    /// Boxes that start together, once all boxes of the previous wave are ready.
    pub(crate) waves: Vec<Vec<BoxPlan>>,
    /// Entrance of the stage.
    pub(crate) entrance: Entrance,
    /// Connections that the stage needs. A private network rejects all others.
    pub(crate) flows: Vec<Flow>,
}

/// The entrance of a stage: the box that clients connect to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entrance {
    /// Name of the box.
    pub(crate) name: String,
    /// CA certificate that signed its certificate. `None` for plain HTTP.
    pub(crate) ca: Option<PathBuf>,
    /// Address that redirects plain HTTP to HTTPS.
    pub(crate) redirect: Option<SocketAddr>,
}
