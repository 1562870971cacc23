//! Stage `single-box`: one process serves HTTP, with its database and files beside it.

use crate::LabError;
use crate::component::service::Service;
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::stage::stage_plan::{Entrance, StagePlan};

/// Roles of its boxes.
pub(super) const ROLES: &[&str] = &["web"];

/// Plans the one box.
pub(super) fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let web = Service {
        name: "web",
        role: "web",
        stage: "single-box",
        listen: site.public("web", port::HTTP)?,
        admin: site.private("web", port::ADMIN)?,
        store_url: None,
        files: None,
        cache_url: None,
        replica_url: None,
        part: None,
        edges: None,
        sessions_url: None,
        warehouse_url: None,
        queue: None,
        shards: Vec::new(),
        photos_url: None,
        identity: None,
        redirect: None,
        error_reports: None,
    };
    let flows = vec![Flow::from_outside(web.listen)];
    Ok(StagePlan {
        scaling: None,
        watching: None,
        authority: None,
        flows,
        waves: vec![vec![web.plan(options)]],
        entrance: Entrance {
            name: "web".to_owned(),
            ..Entrance::default()
        },
    })
}
