//! Stage `autoscaled`: the number of web and application servers follows the load.

use tenfold_autoscale::{DEFAULT, Format, Policy};

use super::cached;
use super::tiers::{Tiers, server};
use super::watched::{self, Watched};
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::haproxy::{self, Applications, Server};
use crate::component::nginx;
use crate::component::prometheus::{self, Prometheus};
use crate::network::Flow;
use crate::network::site::{Site, port};
use crate::options::LabOptions;
use crate::scaling::{self, GroupPlan, Listing, ScalingPlan, ServerList, SparePlan};
use crate::stage::stage_plan::StagePlan;
use crate::watching;

/// Roles of its boxes.
pub(super) const ROLES: &[&str] = &[
    "balancer",
    "dns",
    "keepalived",
    "web",
    "app-balancer",
    "app",
    "cache",
    "sql-balancer",
    "sql",
    "sql-replica",
    "arbitrator",
    "files",
    "prometheus",
    "node-exporter",
    watched::ROLES[0],
    watched::ROLES[1],
    watched::ROLES[2],
    watched::ROLES[3],
    watched::ROLES[4],
    watched::ROLES[5],
];

/// Plans the boxes.
pub(super) fn plan(options: &LabOptions, site: &mut Site) -> Result<StagePlan, LabError> {
    let directory = &options.directory;
    let policy = policy(options)?;
    let mut tiers = Tiers::new(options, site)?;
    let count = |role| Count::of(&policy, &tiers, role);
    let (app_count, web_count, replica_count) = (count("app"), count("web"), count("sql-replica"));
    let data = cached::data(&mut tiers, replica_count.min..=replica_count.max)?;

    let mut watched = Watched::default();
    watched.errors(&mut tiers)?;
    let (apps, app_servers) = tiers.applications("autoscaled", &data.backends(), app_count.max)?;
    let app_balancer = Applications {
        name: "app-balancer",
        role: "app-balancer",
        listen: tiers.site.private("app-balancer", port::APP)?,
        statistics: tiers.site.private("app-balancer", port::ADMIN)?,
        servers: app_servers.get(..app_count.min).unwrap_or_default(),
    };
    tiers.sends_to("app-balancer", &app_servers);
    let upstream = [server("app-balancer", app_balancer.listen)];
    let (webs, web_servers) = tiers.web_servers(&upstream, web_count.max)?;
    watched.log(&mut tiers)?;
    let (balancers, entrance) = tiers.entrance(
        web_servers.get(..web_count.min).unwrap_or_default(),
        nginx::HEALTH_PATH,
    )?;
    for own in &balancers {
        tiers.sends_to(&own.name, &web_servers);
    }

    let exporter_listen = tiers.site.private("node-exporter", port::ADMIN)?;
    let (exporter, figures) =
        prometheus::node_exporter("node-exporter", "node-exporter", exporter_listen, directory)?;
    let mut jobs = vec![
        ("boxes", exporter_listen),
        ("app-balancer", app_balancer.statistics),
        ("sql-balancer", data.statistics),
    ];
    jobs.extend(entrance.statistics.map(|address| ("balancer", address)));
    if let Some(address) = entrance.address {
        watched.site(&mut tiers, address)?;
    }
    watched.alerts(&mut tiers)?;
    let listen = tiers.site.private("prometheus", port::PROMETHEUS)?;
    watched.page("prometheus", listen, "/", "metrics, rules and alerts");
    watched.page(
        "node-exporter",
        exporter_listen,
        "/metrics",
        "figures of the boxes and the machine",
    );
    watched.balancers(
        &entrance,
        &[
            ("app-balancer", app_balancer.statistics),
            ("sql-balancer", data.statistics),
        ],
    );
    let metrics = Prometheus {
        name: "prometheus",
        role: "prometheus",
        listen,
        jobs: &jobs,
        special_jobs: &watched.jobs,
        alertmanager: watched.alertmanager,
        rules: &[
            ("sources.yml", scaling::sources(&policy)),
            ("autoscale.yml", Format::Prometheus.write(&policy).text),
            ("alerts.yml", watching::rules(&policy)),
        ],
    };
    let scraped = jobs.iter().map(|(_, address)| *address);
    let scraped = scraped.chain(tiers.admins.iter().copied());
    let flows: Vec<Flow> = scraped
        .map(|address| Flow::between("prometheus", address))
        .collect();
    tiers.flows.extend(flows);
    let (prometheus, targets) = metrics.plan(directory)?;

    let (mut apps, spare_apps) = split(apps, &app_servers, app_count.min);
    let (webs, spare_webs) = split(webs, &web_servers, web_count.min);
    let mut then = data.then;
    then.extend([prometheus, exporter]);
    then.extend(watched.boxes);
    let others = apps.split_off(1);
    let front = others.into_iter().chain([app_balancer.plan(directory)?]);
    let front = front.chain(webs).chain(balancers).collect();
    Ok(StagePlan {
        waves: vec![data.first, then, apps, front],
        entrance,
        flows: tiers.flows,
        watching: Some(watched.plan),
        authority: Some(tiers.authority),
        scaling: Some(ScalingPlan {
            policy,
            prometheus: metrics.listen,
            prometheus_box: "prometheus",
            figures,
            targets,
            groups: vec![
                GroupPlan {
                    role: "app",
                    balancer: "app-balancer",
                    list: told("app"),
                    spares: spare_apps,
                },
                GroupPlan {
                    role: "web",
                    balancer: "balancer",
                    list: told("web"),
                    spares: spare_webs,
                },
                GroupPlan {
                    role: "sql-replica",
                    balancer: "sql-balancer",
                    list: ServerList {
                        name: haproxy::REPLICAS,
                        listing: Listing::Named,
                    },
                    spares: data.spare_replicas,
                },
            ],
        }),
    })
}

/// A list to which servers are added, and from which they are removed.
fn told(name: &'static str) -> ServerList {
    ServerList {
        name,
        listing: Listing::Told,
    }
}

/// The policy of the options, or the default, without the groups whose number of boxes is given.
fn policy(options: &LabOptions) -> Result<Policy, LabError> {
    let text = options.policy.as_deref().unwrap_or(DEFAULT);
    let mut policy = Policy::parse(text).map_err(|error| LabError::Policy(error.to_string()))?;
    scaling::check(&policy)?;
    policy
        .groups
        .retain(|name, _| !options.counts.iter().any(|count| count.role == *name));
    // Only one of two balancers would know of web servers that come and go.
    if options.door.is_some() {
        policy.groups.remove("web");
    }
    Ok(policy)
}

/// Smallest and largest number of boxes of a role.
struct Count {
    min: usize,
    max: usize,
}

impl Count {
    fn of(policy: &Policy, tiers: &Tiers<'_>, role: &str) -> Self {
        let size = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        match policy.groups.get(role) {
            Some(group) => Self {
                min: size(group.min_replicas),
                max: size(group.max_replicas),
            },
            None => {
                let count = match role {
                    "sql-replica" => cached::REPLICAS,
                    role => tiers.count(role),
                };
                Self {
                    min: count,
                    max: count,
                }
            }
        }
    }
}

/// Splits the boxes of a role into those that always run, and the others.
fn split(
    mut plans: Vec<BoxPlan>,
    servers: &[Server],
    min: usize,
) -> (Vec<BoxPlan>, Vec<SparePlan>) {
    let spares = plans.split_off(min.min(plans.len()));
    let addresses = servers.iter().skip(min).map(|server| server.address);
    let spares = spares.into_iter().zip(addresses);
    let spares = spares.map(|(plan, address)| SparePlan { plan, address });
    (plans, spares.collect())
}
