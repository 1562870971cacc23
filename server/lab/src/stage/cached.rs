//! Stage `cached`: frequent reads come from memory, the others from replicas.

use super::tiers::{Backend, Backends, Tiers, server, tuning, zone};
use crate::LabError;
use crate::component::haproxy::{Databases, Replicas};
use crate::component::mariadb::MariaDb;
use crate::component::redis::Redis;
use crate::component::replica::Replica;
use crate::component::{mariadb, object_store};
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::stage::stage_plan::StagePlan;

/// Roles of its boxes.
pub(super) const ROLES: &[&str] = &[
    "balancer",
    "web",
    "app",
    "cache",
    "sql-balancer",
    "sql",
    "sql-replica",
    "arbitrator",
    "files",
];

/// Replicas, one in each zone.
const REPLICAS: [&str; 2] = ["sql-replica-1", "sql-replica-2"];

/// Plans the boxes.
pub(super) fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let directory = &options.directory;
    let mut tiers = Tiers::new(options, site)?;

    let sql_listen = tiers.site.private("sql-balancer", port::SQL)?;
    let databases = tiers.databases(sql_listen, true)?;
    let mut replicas = Vec::new();
    let mut replica_servers = Vec::new();
    for (index, name) in REPLICAS.into_iter().enumerate() {
        let own = MariaDb {
            name,
            role: "sql-replica",
            listen: tiers.site.private(name, port::SQL)?,
            known_as: Some(sql_listen.ip()),
            directory,
            tuning: tuning(options),
        };
        replica_servers.push(server(name, own.listen));
        let replica = Replica {
            own,
            number: 1 + u32::try_from(index).unwrap_or(0),
            zone: zone(index),
            primary: sql_listen,
        };
        replicas.push(replica.plan(&tiers.authority)?);
        tiers.flows.push(Flow::between(name, sql_listen));
    }
    let replicas_listen = tiers.site.private("sql-balancer", port::SQL_REPLICAS)?;
    let sql_balancer = Databases {
        name: "sql-balancer",
        role: "sql-balancer",
        listen: sql_listen,
        statistics: tiers.site.private("sql-balancer", port::ADMIN)?,
        servers: &databases.servers,
        replicas: Some(Replicas {
            listen: replicas_listen,
            servers: &replica_servers,
            authority: &tiers.authority,
        }),
    }
    .plan(directory)?;
    tiers.sends_to("sql-balancer", &databases.servers);
    tiers.sends_to("sql-balancer", &replica_servers);
    let cache = Redis {
        name: "cache",
        role: "cache",
        listen: tiers.site.private("cache", port::REDIS)?,
        memory_bytes: options.allowances.of("cache").map(|own| own.memory_bytes),
    };
    let cache_address = cache.listen;
    let (cache, cache_url) = cache.plan(directory, &tiers.authority)?;
    let (files, file_store) = object_store::plan("files", "files", directory, tiers.site)?;

    let backends = Backends {
        store: Backend {
            url: mariadb::url(sql_listen, directory, &tiers.authority)?,
            address: sql_listen,
        },
        cache: Some(Backend {
            url: cache_url,
            address: cache_address,
        }),
        replicas: Some(Backend {
            url: mariadb::url(replicas_listen, directory, &tiers.authority)?,
            address: replicas_listen,
        }),
        files: &file_store,
    };
    let (mut apps, app_servers) = tiers.applications("cached", &backends)?;
    let (webs, web_servers) = tiers.web_servers(&app_servers)?;
    let (balancer, entrance) = tiers.balancer(&web_servers)?;

    let mut data = databases.others;
    data.extend(replicas);
    data.push(sql_balancer);
    let others = apps.split_off(1);
    let front = others.into_iter().chain(webs).chain([balancer]);
    Ok(StagePlan {
        waves: vec![
            vec![databases.first, files, cache],
            data,
            apps,
            front.collect(),
        ],
        entrance,
        flows: tiers.flows,
    })
}
