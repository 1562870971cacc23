//! Optional stores beside the SQL database, each for one kind of question, and the warehouse.

use super::tiers::{Backend, Sessions, Tiers, zone};
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::arcadedb::ArcadeDb;
use crate::component::cassandra::Cassandra;
use crate::component::clickhouse::ClickHouse;
use crate::component::redis_cluster::RedisCluster;

/// Key-value store: three boxes.
pub(super) const REDIS_CLUSTER: &str = "redis-cluster";
/// Wide-column store.
pub(super) const CASSANDRA: &str = "cassandra";
/// Documents and graph.
pub(super) const ARCADEDB: &str = "arcadedb";
/// Warehouse.
pub(super) const CLICKHOUSE: &str = "clickhouse";

/// Names of the stores, which are the roles of their boxes.
pub(super) const OPTIONAL: &[&str] = &[REDIS_CLUSTER, CASSANDRA, ARCADEDB, CLICKHOUSE];

/// Stores that were asked for.
pub(super) struct Stores {
    /// Their boxes.
    pub(super) plans: Vec<BoxPlan>,
    /// Sessions in the key-value store. `None` without it.
    pub(super) sessions: Option<Sessions>,
    /// Warehouse of old posts. `None` without it.
    pub(super) warehouse: Option<Backend>,
}

/// Plans the boxes of the stores that were asked for.
pub(super) fn plan(with: &[String], tiers: &mut Tiers<'_>) -> Result<Stores, LabError> {
    let directory = &tiers.options.directory;
    let memory_bytes = |role| {
        let allowance = tiers.options.allowances.of(role);
        allowance.map(|own| own.memory_bytes)
    };
    let asked = |name: &str| with.iter().any(|own| own == name);
    let mut plans = Vec::new();
    let mut sessions = None;
    if asked(REDIS_CLUSTER) {
        let cluster = RedisCluster::new(REDIS_CLUSTER, tiers.site)?;
        let (boxes, url) = cluster.plan(directory, &tiers.authority)?;
        tiers.flows.extend(cluster.flows());
        for (index, mut plan) in boxes.into_iter().enumerate() {
            plan.zone = Some(zone(index));
            plans.push(plan);
        }
        sessions = Some(Sessions {
            url,
            addresses: cluster.addresses(),
        });
    }
    if asked(CASSANDRA) {
        let own = Cassandra::new(CASSANDRA, tiers.site)?;
        plans.push(own.plan(directory, memory_bytes(CASSANDRA))?);
    }
    if asked(ARCADEDB) {
        let own = ArcadeDb::new(ARCADEDB, tiers.site)?;
        plans.push(own.plan(directory, memory_bytes(ARCADEDB))?);
    }
    let mut warehouse = None;
    if asked(CLICKHOUSE) {
        let own = ClickHouse::new(CLICKHOUSE, tiers.site)?;
        let (plan, url) = own.plan(directory, memory_bytes(CLICKHOUSE))?;
        plans.push(plan);
        warehouse = Some(Backend {
            url,
            address: own.address(),
        });
    }
    Ok(Stores {
        plans,
        sessions,
        warehouse,
    })
}
