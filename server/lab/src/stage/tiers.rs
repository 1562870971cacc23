//! Tiers that the stages from `balanced` on share, across two zones.

use std::net::{IpAddr, SocketAddr};

use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::galera::{Cluster, Member};
use crate::component::haproxy::{Behind, Edge, RequestLogSocket, Server};
use crate::component::keepalived::Keepalived;
use crate::component::mariadb::{MariaDb, Tuning};
use crate::component::nginx::WebServer;
use crate::component::powerdns::{self, PowerDns};
use crate::component::service::{EdgesUse, FileStore, QueueUse, Service};
use crate::control::status::DoorStatus;
use crate::identity::Authority;
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::options::role_count;
use crate::stage::stage_plan::Entrance;

/// Zones of the boxes.
const ZONES: [&str; 2] = ["a", "b"];

/// Zone of the arbitrator, outside both others, so that either can be lost.
const THIRD_ZONE: &str = "c";

/// Roles that can have several boxes, assigned to the zones in turn.
pub(super) const COUNTABLE: &[&str] = &["app", "web"];

/// Default number of boxes of such a role.
const BOXES_DEFAULT: usize = 2;

/// Databases of the cluster.
const DATABASES: [&str; 2] = ["sql-1", "sql-2"];

/// Balancers at the entrance. Without a door, there is only the first one.
const BALANCERS: [&str; 2] = ["balancer", "balancer-2"];

/// Boxes that move the address between them.
const KEEPALIVED: [&str; 2] = ["keepalived-1", "keepalived-2"];

/// Arbitrator of the cluster.
const ARBITRATOR: &str = "arbitrator";

/// Builder of the tiers of a stage.
pub(super) struct Tiers<'a> {
    pub(super) options: &'a LabOptions,
    pub(super) site: &'a mut Site,
    pub(super) authority: Authority,
    /// Connections between the boxes planned so far.
    pub(super) flows: Vec<Flow>,
    /// Addresses of the application servers' metrics.
    pub(super) admins: Vec<SocketAddr>,
    /// Sockets that get a line for each request at the entrance.
    pub(super) request_logs: Vec<RequestLogSocket>,
    /// Statistics of the first balancer at the entrance.
    statistics: Option<SocketAddr>,
    /// Receiver of error reports: address, and data source name with a key. `None` if the stage has none.
    pub(super) error_reports: Option<(SocketAddr, String)>,
}

/// The database cluster.
pub(super) struct Databases {
    /// Member that bootstraps the cluster.
    pub(super) first: BoxPlan,
    /// Members that join once the first is ready, including the arbitrator.
    pub(super) others: Vec<BoxPlan>,
    /// All databases, the preferred primary first.
    pub(super) servers: Vec<Server>,
}

/// Backends of the application servers.
#[derive(Debug, Clone)]
pub(super) struct Backends<'a> {
    pub(super) store: Backend,
    /// Databases of posts, by name. Empty if the store has all posts.
    pub(super) shards: Vec<(String, Backend)>,
    /// Database of photos. `None` if they are with the posts.
    pub(super) photos: Option<Backend>,
    pub(super) cache: Option<Backend>,
    pub(super) replicas: Option<Backend>,
    /// Queue of jobs.
    pub(super) queue: Option<Backend>,
    /// Sessions. `None` if the store has them.
    pub(super) sessions: Option<Sessions>,
    /// Caches at the edge. `None` if there are none.
    pub(super) edges: Option<EdgesUse>,
    /// Warehouse of old posts. `None` if all stay in the store.
    pub(super) warehouse: Option<Backend>,
    pub(super) files: &'a FileStore,
}

/// Sessions on several boxes.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    /// URL for `serve`, which contains a password.
    pub(super) url: String,
    /// Addresses of the boxes.
    pub(super) addresses: Vec<SocketAddr>,
}

/// A backend of the application servers.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    /// URL for `serve`, which may contain a password.
    pub(super) url: String,
    /// Address of the backend.
    pub(super) address: SocketAddr,
}

impl<'a> Tiers<'a> {
    pub(super) fn new(options: &'a LabOptions, site: &'a mut Site) -> Result<Self, LabError> {
        Ok(Self {
            authority: Authority::new(&options.directory)?,
            options,
            site,
            flows: Vec::new(),
            admins: Vec::new(),
            request_logs: Vec::new(),
            statistics: None,
            error_reports: None,
        })
    }

    /// Plans two databases and an arbitrator, behind a balancer.
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
                tuning: tuning(self.options, "sql"),
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
            plans.push(member.plan(&sql, &self.authority)?);
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

    /// Number of boxes of a role.
    pub(super) fn count(&self, role: &str) -> usize {
        role_count::of(&self.options.counts, role, BOXES_DEFAULT)
    }

    /// Plans application servers. The first one loads the data set.
    pub(super) fn applications(
        &mut self,
        stage: &'static str,
        backends: &Backends<'_>,
        count: usize,
    ) -> Result<(Vec<BoxPlan>, Vec<Server>), LabError> {
        self.services(stage, backends, ("app", "web"), count)
    }

    /// Plans workers, which do the jobs of the queue.
    pub(super) fn workers(
        &mut self,
        stage: &'static str,
        backends: &Backends<'_>,
        count: usize,
    ) -> Result<Vec<BoxPlan>, LabError> {
        let (plans, _) = self.services(stage, backends, ("worker", "worker"), count)?;
        Ok(plans)
    }

    /// Plans boxes of the service of a role. `part` is the part of the service that they run, if there is a queue.
    fn services(
        &mut self,
        stage: &'static str,
        backends: &Backends<'_>,
        (role, part): (&'static str, &'static str),
        count: usize,
    ) -> Result<(Vec<BoxPlan>, Vec<Server>), LabError> {
        let mut plans = Vec::new();
        let mut servers = Vec::new();
        for index in 0..count {
            let name = format!("{role}-{}", index + 1);
            let app = Service {
                name: &name,
                role,
                stage,
                listen: self.site.private(&name, port::APP)?,
                admin: self.site.private(&name, port::ADMIN)?,
                store_url: Some(backends.store.url.clone()),
                files: Some(backends.files),
                cache_url: backends.cache.as_ref().map(|cache| cache.url.clone()),
                replica_url: backends.replicas.as_ref().map(|own| own.url.clone()),
                part: None,
                edges: backends.edges.clone(),
                sessions_url: backends.sessions.as_ref().map(|own| own.url.clone()),
                warehouse_url: backends.warehouse.as_ref().map(|own| own.url.clone()),
                queue: backends.queue.as_ref().map(|own| QueueUse {
                    url: own.url.clone(),
                    role: part,
                }),
                shards: backends
                    .shards
                    .iter()
                    .map(|(name, own)| format!("{name}={}", own.url))
                    .collect(),
                photos_url: backends.photos.as_ref().map(|own| own.url.clone()),
                identity: None,
                redirect: None,
                error_reports: self.error_reports.as_ref().map(|own| own.1.clone()),
            };
            let mut plan = app.plan(self.options);
            self.admins.push(app.admin);
            plan.zone = Some(zone(index));
            plans.push(plan);
            servers.push(server(&name, app.listen));
            let used = [Some(&backends.store), backends.cache.as_ref()];
            let used = used
                .into_iter()
                .chain([backends.replicas.as_ref(), backends.queue.as_ref()])
                .chain([backends.photos.as_ref()]);
            let shards = backends.shards.iter().map(|(_, own)| own);
            let used = used.flatten().chain(shards).map(|backend| backend.address);
            let reported = self.error_reports.iter().map(|own| own.0);
            let sessions = backends.sessions.iter().flat_map(|own| &own.addresses);
            let warehouse = backends.warehouse.iter().map(|own| own.address);
            let all: Vec<SocketAddr> = used
                .chain([backends.files.address])
                .chain(reported)
                .chain(sessions.copied())
                .chain(backends.edges.iter().flat_map(|own| own.addresses.clone()))
                .chain(warehouse)
                .collect();
            for to in all {
                self.flows.push(Flow::between(&name, to));
            }
        }
        Ok((plans, servers))
    }

    /// Plans web servers in front of the application servers.
    pub(super) fn web_servers(
        &mut self,
        applications: &[Server],
        count: usize,
    ) -> Result<(Vec<BoxPlan>, Vec<Server>), LabError> {
        let mut plans = Vec::new();
        let mut servers = Vec::new();
        for index in 0..count {
            let name = format!("web-{}", index + 1);
            let web = WebServer {
                name: &name,
                role: "web",
                zone: zone(index),
                listen: self.site.private(&name, port::HTTP)?,
                statistics: self.site.private(&name, port::ADMIN)?,
                servers: applications,
            };
            plans.push(web.plan(&self.options.directory)?);
            servers.push(server(&name, web.listen));
            self.sends_to(&name, applications);
        }
        Ok((plans, servers))
    }

    /// Plans the load balancers at the entrance: one, or with a door two and a name server.
    pub(super) fn entrance(
        &mut self,
        web_servers: &[Server],
        health_path: &str,
    ) -> Result<(Vec<BoxPlan>, Entrance), LabError> {
        self.routed_entrance(&Behind {
            servers: web_servers,
            routes: &[],
            edges: None,
            caches_assets: self.options.web_cache,
            health_path,
        })
    }

    /// Like [`entrance`](Self::entrance), but sends some paths to other servers.
    pub(super) fn routed_entrance(
        &mut self,
        behind: &Behind<'_>,
    ) -> Result<(Vec<BoxPlan>, Entrance), LabError> {
        let Some(ttl) = self.options.door else {
            let listen = self.site.public(BALANCERS[0], port::HTTPS)?;
            let redirect = self.site.public(BALANCERS[0], port::HTTP)?;
            let balancer = self.balancer(0, (listen, redirect), behind)?;
            return Ok((vec![balancer], self.entrance_at(listen, redirect)));
        };
        let listens = self.site.public_pair(BALANCERS, port::HTTPS)?;
        let redirects = self.site.public_pair(BALANCERS, port::HTTP)?;
        let mut plans = Vec::new();
        for (index, both) in listens.into_iter().zip(redirects).enumerate() {
            let mut plan = self.balancer(index, both, behind)?;
            plan.zone = Some(zone(index));
            plans.push(plan);
        }
        let floating = self.site.floating();
        if let Some(floating) = floating {
            for (index, checked) in redirects.into_iter().enumerate() {
                let keepalived = Keepalived {
                    name: KEEPALIVED[index % KEEPALIVED.len()],
                    role: "keepalived",
                    balancer: BALANCERS[index % BALANCERS.len()],
                    checked,
                    floating,
                    is_first: index == 0,
                };
                let mut plan = keepalived.plan(&self.options.directory)?;
                plan.zone = Some(zone(index));
                plans.push(plan);
            }
        }
        let floating = floating.map(|ip| SocketAddr::new(ip, port::HTTPS));
        self.flows.extend(floating.map(Flow::from_outside));
        let dns = PowerDns {
            name: "dns",
            role: "dns",
            listen: self.site.public("dns", port::DNS)?,
            balancers: redirects,
            ttl,
        };
        plans.push(dns.plan(&self.options.directory)?);
        self.flows.push(Flow::from_outside(dns.listen));
        let checked = redirects.map(|to| Flow::between(dns.name, to));
        self.flows.extend(checked);
        let name = powerdns::NAME;
        let mut entrance = self.entrance_at(listens[0], redirects[0]);
        entrance.door = Some(DoorStatus {
            url: format!("https://{name}:{}", listens[0].port()),
            name: name.to_owned(),
            name_server: dns.listen,
            ttl_s: ttl.as_secs(),
            floating,
            balancers: BALANCERS
                .map(str::to_owned)
                .into_iter()
                .zip(listens)
                .collect(),
        });
        Ok((plans, entrance))
    }

    /// Describes the entrance, whose address is that of the first balancer.
    fn entrance_at(&self, listen: SocketAddr, redirect: SocketAddr) -> Entrance {
        Entrance {
            name: BALANCERS[0].to_owned(),
            address: Some(listen),
            ca: Some(self.authority.certificate()),
            statistics: self.statistics,
            redirect: Some(redirect),
            door: None,
        }
    }

    /// Plans a load balancer at the entrance.
    fn balancer(
        &mut self,
        index: usize,
        (listen, redirect): (SocketAddr, SocketAddr),
        behind: &Behind<'_>,
    ) -> Result<BoxPlan, LabError> {
        let name = BALANCERS[index % BALANCERS.len()];
        let request_logs = self.request_logs.clone();
        let known_as: &[&str] = match self.options.door {
            Some(_) => &[powerdns::NAME],
            None => &[],
        };
        let statistics = self.site.private(name, port::ADMIN)?;
        let floating = self.site.floating().filter(|_| self.options.door.is_some());
        let addresses: Vec<IpAddr> = [listen.ip()].into_iter().chain(floating).collect();
        let edge = Edge {
            name,
            role: "balancer",
            listen,
            redirect,
            statistics,
            floating: floating.map(|ip| SocketAddr::new(ip, listen.port())),
            identity: &self.authority.issue_known_as(name, known_as, &addresses)?,
            behind,
            // Only the first balancer: its address would not be free for the second one.
            is_origin: index == 0,
            request_logs: &request_logs,
        };
        self.statistics.get_or_insert(statistics);
        self.flows
            .extend([listen, redirect].map(Flow::from_outside));
        self.sends_to(name, behind.servers);
        for route in behind.routes {
            self.sends_to(name, &route.servers);
        }
        if let Some(edges) = &behind.edges {
            self.sends_to(name, &edges.servers);
            let back = edges.servers.iter();
            let back = back.map(|edge| Flow::between(&edge.name, edges.origin));
            self.flows.extend(back);
        }
        edge.plan(&self.options.directory)
    }

    /// Allows a box to connect to these servers.
    pub(super) fn sends_to(&mut self, from: &str, servers: &[Server]) {
        let to = servers.iter().map(|server| server.address);
        self.flows.extend(to.map(|to| Flow::between(from, to)));
    }
}

/// Returns the zone of the box with this index.
pub(super) fn zone(index: usize) -> &'static str {
    ZONES[index % ZONES.len()]
}

/// Returns the tuning of the databases of a role. `None` for MariaDB's defaults.
pub(super) fn tuning(options: &LabOptions, role: &str) -> Option<Tuning> {
    options.tuned.then(|| Tuning {
        memory_bytes: options.allowances.of(role).map(|own| own.memory_bytes),
    })
}

/// Names a server.
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

    /// A member that joins before the cluster exists would form a cluster of its own.
    #[test]
    fn members_join_after_cluster_exists() {
        for name in ["balanced", "cached", "autoscaled"] {
            let directory = tempfile::tempdir().unwrap();
            let options = LabOptions::new("tenfold", directory.path());
            let plan = stage::find(name).unwrap().plan;
            let plan = match plan(&options, &mut Site::loopback()) {
                Ok(plan) => plan,
                Err(missing @ LabError::MissingProgram(_)) => {
                    crate::skip::skip(&missing);
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
