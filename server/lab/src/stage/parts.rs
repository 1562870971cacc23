//! Parts of the service in boxes of their own, each group with its own number of boxes, and the paths that the balancer sends to it.

use super::tiers::{Backends, Tiers, server, zone};
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::component::haproxy::{Route, Server};
use crate::component::service::{Part, QueueUse, Service};
use crate::identity::secret;
use crate::network::Flow;
use crate::network::site::port;
use crate::options::role_count;

/// Name by which the parts are asked for.
pub(super) const SERVICES: &str = "services";

/// The part that has all paths of no other one, and loads the data set.
const POSTS: &str = "posts";
/// The part with users, sessions and follows.
const USERS: &str = "users";

/// Roles of the parts, which are those of their boxes.
pub(super) const ROLES: [&str; 4] = [POSTS, USERS, "photos", "feeds"];

/// Paths of the parts, as conditions of HAProxy. The service answers with 421 if these do not match its own routes.
const PATHS: [(&str, &str); 3] = [
    (
        "photos",
        "{ path_reg ^/v1/posts/[^/]+/(photo|thumbnail)$ } || { path_beg /v1/jobs/ }",
    ),
    ("feeds", "{ path /v1/feed } || { path_beg /v1/feed/ }"),
    (
        USERS,
        "{ path /v1/users /v1/sessions } || { path_beg /v1/users/ /v1/sessions/ /v1/following/ }",
    ),
];

/// Boxes of the parts.
pub(super) struct Parts {
    /// Boxes, that which loads the data set first.
    pub(super) plans: Vec<BoxPlan>,
    /// Servers of the paths of no other part.
    pub(super) servers: Vec<Server>,
    /// Paths of the other parts, and their servers.
    pub(super) routes: Vec<Route>,
}

/// Plans the boxes of the parts.
pub(super) fn plan(
    stage: &'static str,
    backends: &Backends<'_>,
    tiers: &mut Tiers<'_>,
) -> Result<Parts, LabError> {
    let key = secret(&tiers.options.directory, "services-key")?;
    let mut groups = Vec::new();
    for role in ROLES {
        let mut servers = Vec::new();
        for number in 1..=role_count::of(&tiers.options.counts, role, 1) {
            let name = format!("{role}-{number}");
            let address = tiers.site.private(&name, port::APP)?;
            servers.push(server(&name, address));
        }
        groups.push((role, servers));
    }
    let of = |part: &str| {
        let group = groups.iter().filter(|(role, _)| *role == part);
        group.flat_map(|(_, servers)| servers.clone()).collect()
    };
    let (users, posts): (Vec<Server>, Vec<Server>) = (of(USERS), of(POSTS));
    // Users and posts call each other, and the other parts call both.
    let called = |by: &str, part: &str, servers: &[Server]| match by == part {
        true => Vec::new(),
        false => servers.iter().map(|own| own.address).collect(),
    };
    let mut plans = Vec::new();
    for (role, servers) in &groups {
        let has_posts = *role == POSTS;
        let store = Some(&backends.store).filter(|_| has_posts || *role == USERS);
        let shards = &backends.shards[..];
        let shards = if has_posts { shards } else { &[] };
        let photos = backends.photos.as_ref().filter(|_| has_posts);
        let warehouse = backends.warehouse.as_ref().filter(|_| has_posts);
        let has_files = has_posts || *role == "photos";
        let queue = backends.queue.as_ref().filter(|_| has_files);
        for (index, own) in servers.iter().enumerate() {
            let part = Part {
                role,
                key: key.clone(),
                users: called(role, USERS, &users),
                posts: called(role, POSTS, &posts),
            };
            let databases = [store, photos, warehouse, queue, backends.cache.as_ref()];
            let databases = databases.into_iter().flatten();
            let to = databases
                .chain(shards.iter().map(|(_, own)| own))
                .map(|own| own.address)
                .chain(has_files.then_some(backends.files.address))
                .chain(
                    backends
                        .sessions
                        .iter()
                        .flat_map(|own| own.addresses.clone()),
                )
                .chain(backends.edges.iter().flat_map(|own| own.addresses.clone()))
                .chain(part.users.iter().chain(&part.posts).copied());
            let flows = to.map(|to| Flow::between(&own.name, to));
            tiers.flows.extend(flows);
            let service = Service {
                name: &own.name,
                role,
                stage,
                listen: own.address,
                admin: tiers.site.private(&own.name, port::ADMIN)?,
                store_url: store.map(|own| own.url.clone()),
                files: Some(backends.files).filter(|_| has_files),
                cache_url: backends.cache.as_ref().map(|own| own.url.clone()),
                replica_url: None,
                part: Some(part),
                edges: backends.edges.clone(),
                sessions_url: backends.sessions.as_ref().map(|own| own.url.clone()),
                warehouse_url: warehouse.map(|own| own.url.clone()),
                queue: queue.map(|own| QueueUse {
                    url: own.url.clone(),
                    role,
                }),
                shards: shards
                    .iter()
                    .map(|(name, own)| format!("{name}={}", own.url))
                    .collect(),
                photos_url: photos.map(|own| own.url.clone()),
                identity: None,
                redirect: None,
                error_reports: None,
            };
            let mut plan = service.plan(tiers.options);
            tiers.admins.push(service.admin);
            plan.zone = Some(zone(index));
            plans.push(plan);
        }
    }
    let routes = PATHS.iter().map(|(part, paths)| Route {
        backend: part,
        paths,
        servers: of(part),
    });
    Ok(Parts {
        plans,
        routes: routes.collect(),
        servers: posts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::site::Site;
    use crate::options::LabOptions;
    use crate::stage;

    /// Plans the stage with these options. `None` if a program is missing, which skips the test.
    fn planned(with: &[&str], counts: &[&str]) -> Option<Result<Vec<BoxPlan>, LabError>> {
        let directory = tempfile::tempdir().unwrap();
        let mut options = LabOptions::new("tenfold", directory.path());
        options.with = with.iter().map(|own| (*own).to_owned()).collect();
        options.counts = counts.iter().map(|own| own.parse().unwrap()).collect();
        let plan = stage::find("partitioned").unwrap().plan;
        match plan(&options, &mut Site::loopback()) {
            Err(missing @ LabError::MissingProgram(_)) => {
                crate::skip::skip(&missing);
                None
            }
            planned => Some(planned.map(|own| own.waves.into_iter().flatten().collect())),
        }
    }

    #[test]
    fn parts_get_only_their_databases() {
        let Some(boxes) = planned(&[SERVICES], &["posts=2"]) else {
            return;
        };
        let boxes = boxes.unwrap();
        let count = |role: &str| boxes.iter().filter(|own| own.role == role).count();
        assert_eq!(ROLES.map(count), [2, 1, 1, 1]);
        assert_eq!(count("app"), 0);
        let has = |name: &str, variable: &str| {
            let own = boxes.iter().find(|own| own.name == name).unwrap();
            let mut set = own.environment.iter().filter(|(_, value)| value.is_some());
            set.any(|(name, _)| name == variable)
        };
        for (variable, expected) in [
            ("TENFOLD_SERVICES_KEY", [true; 4]),
            ("TENFOLD_STORE", [true, true, false, false]),
            ("TENFOLD_SHARD", [true, false, false, false]),
            ("AWS_SECRET_ACCESS_KEY", [true, false, true, false]),
        ] {
            let found = ["posts-2", "users-1", "photos-1", "feeds-1"].map(|own| has(own, variable));
            assert_eq!(found, expected, "{variable}");
        }
        for own in boxes.iter().filter(|own| ROLES.contains(&own.role)) {
            let keys = own.environment.iter();
            let key = keys.filter(|(name, _)| name == "TENFOLD_SERVICES_KEY");
            let key = key.filter_map(|(_, value)| value.clone()).next().unwrap();
            assert!(!own.arguments.contains(&key), "{}", own.name);
        }
    }

    #[test]
    fn number_of_boxes_of_the_other_kind_is_refused() {
        for (with, count) in [(&[SERVICES][..], "app=2"), (&[], "feeds=2")] {
            let Some(refused) = planned(with, &[count]) else {
                return;
            };
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("--with services"), "{error}");
            assert!(error.contains("can't have several"), "{error}");
        }
    }
}
