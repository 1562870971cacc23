//! What a stage is made of, before it is started.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::boxes::box_plan::BoxPlan;
use crate::network::Flow;

/// The boxes of a stage.
#[derive(Debug)]
pub(crate) struct StagePlan {
    /// What is started together, once all that comes before is ready.
    pub(crate) waves: Vec<Vec<BoxPlan>>,
    /// Where traffic enters.
    pub(crate) entrance: Entrance,
    /// The connections that it is made with: where the lab has a network of its own, all others are refused.
    pub(crate) flows: Vec<Flow>,
}

/// Where traffic enters a stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entrance {
    /// The box.
    pub(crate) name: String,
    /// The certificate of the authority that vouches for it; none where it speaks HTTP in the clear.
    pub(crate) ca: Option<PathBuf>,
    /// Where who speaks HTTP in the clear is told to come by TLS.
    pub(crate) redirect: Option<SocketAddr>,
}
