//! The tiers that the stages from `balanced` on are made of, over two zones.

use std::net::SocketAddr;

use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::galera::{Cluster, Member};
use crate::component::haproxy::{Edge, Server};
use crate::component::mariadb::{MariaDb, Tuning};
use crate::component::nginx::{self, WebServer};
use crate::component::service::{FilesPlace, Service};
use crate::identity::Authority;
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::options::role_count;
use crate::stage::stage_plan::Entrance;

/// The zones that boxes are spread over.
const ZONES: [&str; 2] = ["a", "b"];

/// Where the third voice of the databases is: in neither, so that either can be lost.
const THIRD_ZONE: &str = "c";

/// The roles that can have several boxes, over the zones in turn.
pub(super) const COUNTABLE: &[&str] = &["app", "web"];

/// The boxes of such a role, where nobody says otherwise.
const USUAL: usize = 2;

/// The databases.
const DATABASES: [&str; 2] = ["sql-1", "sql-2"];

/// The third voice.
const ARBITRATOR: &str = "arbitrator";

/// What tiers are planned with.
pub(super) struct Tiers<'a> {
    pub(super) options: &'a LabOptions,
    pub(super) site: &'a mut Site,
    pub(super) authority: Authority,
    /// The connections that what was planned so far is made with.
    pub(super) flows: Vec<Flow>,
}

/// The databases that agree on who is the primary.
pub(super) struct Databases {
    /// The one that begins.
    pub(super) first: BoxPlan,
    /// Those that join it, the third voice among them: not before it is ready.
    pub(super) others: Vec<BoxPlan>,
    /// All of them, the usual primary first.
    pub(super) servers: Vec<Server>,
}

/// What application servers use.
#[derive(Debug, Clone)]
pub(super) struct Backends<'a> {
    pub(super) store: Backend,
    pub(super) cache: Option<Backend>,
    pub(super) replicas: Option<Backend>,
    pub(super) files: &'a FilesPlace,
}

/// Something that application servers use.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    /// As `serve` takes it. It may hold a password.
    pub(super) url: String,
    /// Where it is.
    pub(super) address: SocketAddr,
}

impl<'a> Tiers<'a> {
    pub(super) fn new(options: &'a LabOptions, site: &'a mut Site) -> Result<Self, LabError> {
        Ok(Self {
            authority: Authority::new(&options.directory)?,
            options,
            site,
            flows: Vec::new(),
        })
    }

    /// Two databases and an arbitrator, reached by way of a balancer.
    pub(super) fn databases(
        &mut self,
        balancer: SocketAddr,
        is_followed: bool,
    ) -> Result<Databases, LabError> {
        let directory = &self.options.directory;
        let cluster = Cluster::new(directory, &DATABASES, ARBITRATOR, self.site)?;
        let mut plans = Vec::new();
        let mut servers = Vec::new();
        let mut sent_to = Vec::new();
        for (index, name) in DATABASES.into_iter().enumerate() {
            let sql = MariaDb {
                name,
                role: "sql",
                listen: self.site.private(name, port::SQL)?,
                known_as: Some(balancer.ip()),
                directory,
                tuning: tuning(self.options),
            };
            let member = Member {
                cluster: &cluster,
                index,
                zone: zone(index),
                missed: self.site.private(name, port::GALERA_MISSED)?,
                transfer: self.site.private(name, port::GALERA_TRANSFER)?,
                is_followed,
            };
            sent_to.extend([member.missed, member.transfer]);
            plans.push(sql.plan_member(&self.authority, &member)?);
            servers.push(server(name, sql.listen));
        }
        self.flows
            .extend(cluster.flows(&DATABASES, ARBITRATOR, &sent_to));
        let mut arbitrator = cluster.arbitrator(ARBITRATOR, "arbitrator", &self.authority)?;
        arbitrator.zone = Some(THIRD_ZONE);
        let first = plans.remove(cluster.choose_first(&DATABASES)?);
        plans.push(arbitrator);
        Ok(Databases {
            first,
            others: plans,
            servers,
        })
    }

    /// Application servers: the first loads the data set, and the others find it.
    pub(super) fn applications(
        &mut self,
        stage: &'static str,
        backends: &Backends<'_>,
    ) -> Result<(Vec<BoxPlan>, Vec<Server>), LabError> {
        let mut plans = Vec::new();
        let mut servers = Vec::new();
        for index in 0..role_count::of(&self.options.counts, "app", USUAL) {
            let name = format!("app-{}", index + 1);
            let app = Service {
                name: &name,
                role: "app",
                stage,
                listen: self.site.private(&name, port::APP)?,
                admin: self.site.private(&name, port::ADMIN)?,
                store_url: Some(backends.store.url.clone()),
                files: Some(backends.files),
                cache_url: backends.cache.as_ref().map(|cache| cache.url.clone()),
                replica_url: backends.replicas.as_ref().map(|own| own.url.clone()),
                identity: None,
                redirect: None,
            };
            let mut plan = app.plan(self.options);
            plan.zone = Some(zone(index));
            plans.push(plan);
            servers.push(server(&name, app.listen));
            let used = [Some(&backends.store), backends.cache.as_ref()];
            let used = used.into_iter().chain([backends.replicas.as_ref()]);
            let used = used.flatten().map(|backend| backend.address);
            for to in used.chain([backends.files.address]) {
                self.flows.push(Flow::between(&name, to));
            }
        }
        Ok((plans, servers))
    }

    /// Web servers before them.
    pub(super) fn web_servers(
        &mut self,
        applications: &[Server],
    ) -> Result<(Vec<BoxPlan>, Vec<Server>), LabError> {
        let mut plans = Vec::new();
        let mut servers = Vec::new();
        for index in 0..role_count::of(&self.options.counts, "web", USUAL) {
            let name = format!("web-{}", index + 1);
            let web = WebServer {
                name: &name,
                role: "web",
                zone: zone(index),
                listen: self.site.private(&name, port::HTTP)?,
                servers: applications,
            };
            plans.push(web.plan(&self.options.directory)?);
            servers.push(server(&name, web.listen));
            self.sends_to(&name, applications);
        }
        Ok((plans, servers))
    }

    /// The balancer where traffic enters.
    pub(super) fn balancer(
        &mut self,
        web_servers: &[Server],
    ) -> Result<(BoxPlan, Entrance), LabError> {
        let name = "balancer";
        let listen = self.site.public(name, port::HTTPS)?;
        let redirect = self.site.public(name, port::HTTP)?;
        let edge = Edge {
            name,
            role: "balancer",
            listen,
            redirect,
            statistics: self.site.private(name, port::ADMIN)?,
            identity: &self.authority.issue(name, &[listen.ip()])?,
            servers: web_servers,
            health_path: nginx::HEALTH_PATH,
        };
        self.flows
            .extend([listen, redirect].map(Flow::from_outside));
        self.sends_to(name, web_servers);
        let entrance = Entrance {
            name: name.to_owned(),
            ca: Some(self.authority.certificate()),
            redirect: Some(redirect),
        };
        Ok((edge.plan(&self.options.directory)?, entrance))
    }

    /// A box opens connections to these.
    pub(super) fn sends_to(&mut self, from: &str, servers: &[Server]) {
        let to = servers.iter().map(|server| server.address);
        self.flows.extend(to.map(|to| Flow::between(from, to)));
    }
}

/// The zone of the box of a number, from 0.
pub(super) fn zone(index: usize) -> &'static str {
    ZONES[index % ZONES.len()]
}

/// How databases use their boxes.
pub(super) fn tuning(options: &LabOptions) -> Option<Tuning> {
    options.tuned.then(|| Tuning {
        memory_bytes: options.allowances.of("sql").map(|own| own.memory_bytes),
    })
}

pub(super) fn server(name: &str, address: SocketAddr) -> Server {
    Server {
        name: name.to_owned(),
        address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage;

    /// Who joins while there is no cluster yet makes up one that is not.
    #[test]
    fn who_joins_a_cluster_waits_until_it_is_there() {
        for name in ["balanced", "cached"] {
            let directory = tempfile::tempdir().unwrap();
            let options = LabOptions::new("tenfold", directory.path());
            let (plan, _) = stage::find(name).unwrap().plan().unwrap();
            let plan = match plan(&options, &mut Site::loopback()) {
                Ok(plan) => plan,
                Err(missing @ LabError::MissingProgram(_)) => {
                    println!("skipped: {missing}");
                    return;
                }
                Err(error) => panic!("{error}"),
            };
            let wave_of = |name: &str| {
                let has = |wave: &Vec<BoxPlan>| wave.iter().any(|own| own.name == name);
                plan.waves.iter().position(has).unwrap()
            };
            for joins in ["sql-2", ARBITRATOR] {
                assert!(wave_of("sql-1") < wave_of(joins), "{name}: {joins}");
                assert!(wave_of(joins) < wave_of("app-1"), "{name}: {joins}");
            }
        }
    }
}
