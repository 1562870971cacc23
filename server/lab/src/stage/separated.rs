//! Stage `separated`: database and files on their own boxes in a private network; HTTPS at the entrance.

use super::tiers;
use crate::LabError;
use crate::component::mariadb::{self, MariaDb};
use crate::component::object_store;
use crate::component::service::Service;
use crate::identity::Authority;
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::stage::stage_plan::{Entrance, StagePlan};

/// Roles of its boxes.
pub(super) const ROLES: &[&str] = &["web", "sql", "files"];

/// Plans the boxes.
pub(super) fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let authority = Authority::new(&options.directory)?;
    let sql = MariaDb {
        name: "sql",
        role: "sql",
        listen: site.private("sql", port::SQL)?,
        known_as: None,
        directory: &options.directory,
        tuning: tiers::tuning(options, "sql"),
    };
    let sql_address = sql.listen;
    let store_url = mariadb::url(sql.listen, &options.directory, &authority)?;
    let sql = sql.plan(&authority)?;
    let (files, file_store) = object_store::plan("files", "files", &options.directory, site)?;
    let (listen, redirect) = (
        site.public("web", port::HTTPS)?,
        site.public("web", port::HTTP)?,
    );
    let identity = authority.issue("web", &[listen.ip()])?;
    let web = Service {
        name: "web",
        role: "web",
        stage: "separated",
        listen,
        admin: site.private("web", port::ADMIN)?,
        store_url: Some(store_url),
        files: Some(&file_store),
        cache_url: None,
        replica_url: None,
        part: None,
        edges: None,
        sessions_url: None,
        warehouse_url: None,
        queue: None,
        shards: Vec::new(),
        photos_url: None,
        identity: Some(&identity),
        redirect: Some(redirect),
        error_reports: None,
    };
    let flows = vec![
        Flow::from_outside(listen),
        Flow::from_outside(redirect),
        Flow::between("web", sql_address),
        Flow::between("web", file_store.address),
    ];
    Ok(StagePlan {
        scaling: None,
        watching: None,
        flows,
        waves: vec![vec![sql, files], vec![web.plan(options)]],
        entrance: Entrance {
            name: "web".to_owned(),
            address: None,
            ca: Some(authority.certificate()),
            statistics: None,
            redirect: Some(redirect),
            door: None,
        },
        authority: Some(authority),
    })
}
