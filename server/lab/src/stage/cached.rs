//! Stage `cached`: frequent reads come from memory, the others from replicas.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::tiers::{Backend, Backends, Tiers, server, tuning, zone};
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::haproxy::{Databases, Replicas};
use crate::component::mariadb::MariaDb;
use crate::component::redis::Redis;
use crate::component::replica::Replica;
use crate::component::service::FileStore;
use crate::component::{mariadb, nginx, object_store};
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::scaling::SparePlan;
use crate::stage::stage_plan::StagePlan;

/// Roles of its boxes.
pub(super) const ROLES: &[&str] = &[
    "balancer",
    "dns",
    "keepalived",
    "web",
    "app",
    "cache",
    "sql-balancer",
    "sql",
    "sql-replica",
    "arbitrator",
    "files",
];

/// Default number of replicas: one in each zone.
pub(super) const REPLICAS: usize = 2;

/// Boxes below the application servers, and how to reach them.
pub(super) struct Data {
    /// Boxes that start first.
    pub(super) first: Vec<BoxPlan>,
    /// Boxes that start once those are ready.
    pub(super) then: Vec<BoxPlan>,
    /// Files of the service.
    pub(super) files: FileStore,
    store: Backend,
    cache: Backend,
    replicas: Backend,
    /// Statistics of the balancer before the databases.
    pub(super) statistics: SocketAddr,
    /// Replicas that come and go.
    pub(super) spare_replicas: Vec<SparePlan>,
}

impl Data {
    /// Backends of the application servers.
    pub(super) fn backends(&self) -> Backends<'_> {
        Backends {
            store: self.store.clone(),
            shards: Vec::new(),
            photos: None,
            cache: Some(self.cache.clone()),
            replicas: Some(self.replicas.clone()),
            queue: None,
            sessions: None,
            edges: None,
            warehouse: None,
            files: &self.files,
        }
    }
}

/// Plans the boxes.
pub(super) fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let mut tiers = Tiers::new(options, site)?;
    let data = data(&mut tiers, REPLICAS..=REPLICAS)?;
    let counts = (tiers.count("app"), tiers.count("web"));
    let (mut apps, app_servers) = tiers.applications("cached", &data.backends(), counts.0)?;
    let (webs, web_servers) = tiers.web_servers(&app_servers, counts.1)?;
    let (balancers, entrance) = tiers.entrance(&web_servers, nginx::HEALTH_PATH)?;
    let others = apps.split_off(1);
    let front = others.into_iter().chain(webs).chain(balancers);
    Ok(StagePlan {
        waves: vec![data.first, data.then, apps, front.collect()],
        entrance,
        flows: tiers.flows,
        scaling: None,
        watching: None,
        authority: Some(tiers.authority),
    })
}

/// Plans everything below the application servers, with a smallest and a largest number of replicas.
pub(super) fn data(
    tiers: &mut Tiers<'_>,
    replicas: RangeInclusive<usize>,
) -> Result<Data, LabError> {
    let options = tiers.options;
    let directory = &options.directory;

    let sql_listen = tiers.site.private("sql-balancer", port::SQL)?;
    let databases = tiers.databases(sql_listen, true)?;
    let names: Vec<String> = (1..=*replicas.end())
        .map(|number| format!("sql-replica-{number}"))
        .collect();
    let (fixed, _) = names.split_at(*replicas.start().min(replicas.end()));
    let mut plans = Vec::new();
    let mut replica_servers = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let own = MariaDb {
            name,
            role: "sql-replica",
            listen: tiers.site.private(name, port::SQL)?,
            known_as: Some(sql_listen.ip()),
            directory,
            tuning: tuning(options, "sql"),
        };
        replica_servers.push(server(name, own.listen));
        let replica = Replica {
            own,
            number: 1 + u32::try_from(index).unwrap_or(0),
            zone: zone(index),
            primary: sql_listen,
            copied: if index < fixed.len() { &[] } else { fixed },
        };
        plans.push(replica.plan(&tiers.authority)?);
        tiers.flows.push(Flow::between(name, sql_listen));
    }
    let (servers, spares) = replica_servers.split_at(fixed.len());
    let replicas_listen = tiers.site.private("sql-balancer", port::SQL_REPLICAS)?;
    let statistics = tiers.site.private("sql-balancer", port::ADMIN)?;
    let sql_balancer = Databases {
        name: "sql-balancer",
        role: "sql-balancer",
        listen: sql_listen,
        statistics,
        servers: &databases.servers,
        replicas: Some(Replicas {
            listen: replicas_listen,
            servers,
            spares,
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

    let mut then = databases.others;
    let spare_plans = plans.split_off(fixed.len());
    then.extend(plans);
    then.push(sql_balancer);
    let spare_replicas = spare_plans.into_iter().zip(spares);
    Ok(Data {
        first: vec![databases.first, files, cache],
        then,
        store: Backend {
            url: mariadb::url(sql_listen, directory, &tiers.authority)?,
            address: sql_listen,
        },
        cache: Backend {
            url: cache_url,
            address: cache_address,
        },
        replicas: Backend {
            url: mariadb::url(replicas_listen, directory, &tiers.authority)?,
            address: replicas_listen,
        },
        files: file_store,
        statistics,
        spare_replicas: spare_replicas
            .map(|(plan, server)| SparePlan {
                plan,
                address: server.address,
            })
            .collect(),
    })
}
