//! Stage `balanced`: a load balancer, web and application servers in two zones, and a database cluster that
//! survives the loss of one member.

use super::tiers::{Backend, Backends, Tiers};
use crate::LabError;
use crate::component::haproxy::Databases;
use crate::component::{mariadb, nginx, object_store};
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::stage::stage_plan::StagePlan;

/// Roles of its boxes.
pub(super) const ROLES: &[&str] = &[
    "balancer",
    "dns",
    "keepalived",
    "web",
    "app",
    "sql-balancer",
    "sql",
    "arbitrator",
    "files",
];

/// Plans the boxes.
pub(super) fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let directory = &options.directory;
    let mut tiers = Tiers::new(options, site)?;

    let sql_listen = tiers.site.private("sql-balancer", port::SQL)?;
    let databases = tiers.databases(sql_listen, false)?;
    let sql_balancer = Databases {
        name: "sql-balancer",
        role: "sql-balancer",
        listen: sql_listen,
        statistics: tiers.site.private("sql-balancer", port::ADMIN)?,
        servers: &databases.servers,
        replicas: None,
    };
    tiers.sends_to("sql-balancer", &databases.servers);
    let (files, file_store) = object_store::plan("files", "files", directory, tiers.site)?;

    let backends = Backends {
        store: Backend {
            url: mariadb::url(sql_listen, directory, &tiers.authority)?,
            address: sql_listen,
        },
        shards: Vec::new(),
        photos: None,
        cache: None,
        replicas: None,
        queue: None,
        sessions: None,
        edges: None,
        warehouse: None,
        files: &file_store,
    };
    let counts = (tiers.count("app"), tiers.count("web"));
    let (mut apps, app_servers) = tiers.applications("balanced", &backends, counts.0)?;
    let (webs, web_servers) = tiers.web_servers(&app_servers, counts.1)?;
    let (balancers, entrance) = tiers.entrance(&web_servers, nginx::HEALTH_PATH)?;

    let mut data = databases.others;
    data.push(sql_balancer.plan(directory)?);
    let others = apps.split_off(1);
    let front = others.into_iter().chain(webs).chain(balancers);
    Ok(StagePlan {
        waves: vec![vec![databases.first, files], data, apps, front.collect()],
        entrance,
        flows: tiers.flows,
        scaling: None,
        watching: None,
        authority: Some(tiers.authority),
    })
}
