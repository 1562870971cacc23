//! Caches at the edge, one in each zone, between the balancer and the service.

use super::tiers::{Tiers, server, zone};
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::haproxy::Edges;
use crate::component::service::EdgesUse;
use crate::component::varnish::Varnish;
use crate::identity::secret;
use crate::network::site::port;

/// Name by which they are asked for.
pub(super) const CDN: &str = "cdn";

/// Role of their boxes.
pub(super) const ROLE: &str = "edge";

/// Edges, one in each zone.
const NAMES: [&str; 2] = ["edge-1", "edge-2"];

/// Balancer that sends what they ask for to the service.
const ORIGIN: &str = "balancer";

/// Boxes of the edges.
pub(super) struct Cdn {
    pub(super) plans: Vec<BoxPlan>,
    /// Servers behind the balancer.
    pub(super) edges: Edges,
    /// Purges by the service.
    pub(super) purged: EdgesUse,
}

/// Plans the boxes of the edges.
pub(super) fn plan(tiers: &mut Tiers<'_>) -> Result<Cdn, LabError> {
    let directory = &tiers.options.directory;
    let key = secret(directory, "edges-key")?;
    let origin = tiers.site.private(ORIGIN, port::APP)?;
    let memory = tiers.options.allowances.of(ROLE);
    let (mut plans, mut servers) = (Vec::new(), Vec::new());
    for (index, name) in NAMES.into_iter().enumerate() {
        let edge = Varnish {
            name,
            role: ROLE,
            listen: tiers.site.private(name, port::HTTP)?,
            origin,
            key: &key,
            memory_bytes: memory.map(|own| own.memory_bytes),
        };
        let mut plan = edge.plan(directory)?;
        plan.zone = Some(zone(index));
        plans.push(plan);
        servers.push(server(name, edge.listen));
    }
    let addresses = servers.iter().map(|own| own.address).collect();
    Ok(Cdn {
        plans,
        edges: Edges { servers, origin },
        purged: EdgesUse { addresses, key },
    })
}
