//! Stage `partitioned`: users and follows in one database, posts in several, by author; photos through a queue, and in a
//! database of their own if asked for.
//!
//! It is small, since two cores run about ten busy boxes: the balancer sends requests to the application servers
//! itself, and no database has a standby.

use super::cdn;
use super::parts::{self, SERVICES};
use super::polyglot;
use super::tiers::{Backend, Backends, Tiers, tuning, zone};
use crate::LabError;
use crate::component::haproxy::Behind;
use crate::component::mariadb::MariaDb;
use crate::component::nats::Nats;
use crate::component::redis::Redis;
use crate::component::{mariadb, object_store};
use crate::network::site::{Site, port};
use crate::options::{LabOptions, role_count};
use crate::stage::stage_plan::StagePlan;

/// Roles of its boxes.
pub(super) const ROLES: &[&str] = &[
    "balancer",
    "dns",
    "keepalived",
    "app",
    "users",
    "posts",
    "photos",
    "feeds",
    "worker",
    "cache",
    "queue",
    "sql-users",
    "sql-posts",
    "sql-photos",
    "files",
    cdn::ROLE,
    "redis-cluster",
    "cassandra",
    "arcadedb",
    "clickhouse",
];

/// Roles that can have several boxes.
pub(super) const COUNTABLE: &[&str] = &[
    "app",
    "users",
    "posts",
    "photos",
    "feeds",
    "worker",
    "sql-posts",
    "sql-photos",
];

/// What can be added.
pub(super) const OPTIONAL: &[&str] = &[
    polyglot::REDIS_CLUSTER,
    polyglot::CASSANDRA,
    polyglot::ARCADEDB,
    polyglot::CLICKHOUSE,
    SERVICES,
    cdn::CDN,
];

/// Number of workers unless `--count` says otherwise. A photo takes one of them a fraction of a second.
const WORKERS_DEFAULT: usize = 1;

/// Path of the application servers' health check, which does not depend on other boxes.
const HEALTH_PATH: &str = "/healthz";

/// Plans the boxes.
pub(super) fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let directory = &options.directory;
    let mut tiers = Tiers::new(options, site)?;

    let mut data = Vec::new();
    let mut database = |tiers: &mut Tiers<'_>, name: &str, role: &'static str, index: usize| {
        let sql = MariaDb {
            name,
            role,
            listen: tiers.site.private(name, port::SQL)?,
            known_as: None,
            directory,
            tuning: tuning(options, role),
        };
        let mut plan = sql.plan(&tiers.authority)?;
        plan.zone = Some(zone(index));
        data.push(plan);
        Ok::<_, LabError>(Backend {
            url: mariadb::url(sql.listen, directory, &tiers.authority)?,
            address: sql.listen,
        })
    };
    let users = database(&mut tiers, "sql-users", "sql-users", 0)?;
    let mut shards = Vec::new();
    for index in 0..tiers.count("sql-posts") {
        // The shard map has these names, so they stay.
        let name = format!("sql-posts-{}", index + 1);
        let shard = database(&mut tiers, &name, "sql-posts", index)?;
        shards.push((name, shard));
    }
    // Only if `--count` asks for it: two cores have no room for many databases. A second one would be another set of photos.
    let photos = match role_count::of(&options.counts, "sql-photos", 0) {
        0 => None,
        _ => Some(database(&mut tiers, "sql-photos", "sql-photos", 1)?),
    };
    let cache = Redis {
        name: "cache",
        role: "cache",
        listen: tiers.site.private("cache", port::REDIS)?,
        memory_bytes: options.allowances.of("cache").map(|own| own.memory_bytes),
    };
    let cache_address = cache.listen;
    let (cache, cache_url) = cache.plan(directory, &tiers.authority)?;
    let (files, file_store) = object_store::plan("files", "files", directory, tiers.site)?;
    let queue = Nats {
        name: "queue",
        role: "queue",
        listen: tiers.site.private("queue", port::NATS)?,
    };
    let queue_address = queue.listen;
    let (queue, queue_url) = queue.plan(directory, &tiers.authority)?;
    data.extend([cache, files, queue]);

    let stores = polyglot::plan(&options.with, &mut tiers)?;
    data.extend(stores.plans);

    let asks = |name: &str| options.with.iter().any(|own| own == name);
    let edges = asks(cdn::CDN).then(|| cdn::plan(&mut tiers)).transpose()?;
    let (edge_plans, edges, purged) = match edges {
        Some(own) => (own.plans, Some(own.edges), Some(own.purged)),
        None => (Vec::new(), None, None),
    };

    let backends = Backends {
        store: users,
        shards,
        photos,
        cache: Some(Backend {
            url: cache_url,
            address: cache_address,
        }),
        replicas: None,
        queue: Some(Backend {
            url: queue_url,
            address: queue_address,
        }),
        sessions: stores.sessions,
        edges: purged,
        warehouse: stores.warehouse,
        files: &file_store,
    };
    let has_parts = asks(SERVICES);
    refuse_other_counts(options, has_parts)?;
    let (mut apps, servers, routes) = match has_parts {
        true => {
            let parts = parts::plan("partitioned", &backends, &mut tiers)?;
            (parts.plans, parts.servers, parts.routes)
        }
        false => {
            let count = tiers.count("app");
            let (apps, servers) = tiers.applications("partitioned", &backends, count)?;
            (apps, servers, Vec::new())
        }
    };
    let workers = role_count::of(&options.counts, "worker", WORKERS_DEFAULT);
    let workers = tiers.workers("partitioned", &backends, workers)?;
    let (balancers, entrance) = tiers.routed_entrance(&Behind {
        servers: &servers,
        routes: &routes,
        edges,
        caches_assets: options.web_cache,
        health_path: HEALTH_PATH,
    })?;
    let others = apps.split_off(1).into_iter();
    let front = others.chain(workers).chain(balancers).collect();
    // The edges last: one that did not find the service at its start answers 503 for a second.
    Ok(StagePlan {
        waves: vec![data, apps, front, edge_plans],
        entrance,
        flows: tiers.flows,
        scaling: None,
        watching: None,
        authority: Some(tiers.authority),
    })
}

/// Refuses a number of boxes that the stage does not have: either it has parts of the service, or the whole service.
fn refuse_other_counts(options: &LabOptions, has_parts: bool) -> Result<(), LabError> {
    let is_other = |role: &str| match has_parts {
        true => role == "app",
        false => parts::ROLES.contains(&role),
    };
    let other = options.counts.iter().find(|own| is_other(&own.role));
    other.map_or(Ok(()), |count| {
        let roles = COUNTABLE.iter().filter(|role| !is_other(role));
        let roles: Vec<&str> = roles.copied().collect();
        let hint = match has_parts {
            true => "without `--with services` also app",
            false => "with `--with services` also users, posts, photos and feeds, but not app",
        };
        Err(LabError::Uncountable {
            role: count.role.clone(),
            stage: "partitioned",
            countable: format!("{}; {hint}", roles.join(", ")),
        })
    })
}
