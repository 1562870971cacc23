//! Boxes of the reference service.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::boxes::box_plan::{BoxPlan, Stop};
use crate::boxes::readiness::Readiness;
use crate::boxes::renewal::Renewal;
use crate::identity::Identity;
use crate::options::LabOptions;
use crate::starting::progress_source::ProgressSource;

/// A box of the service, and its settings beside those of the whole lab.
#[derive(Debug)]
pub(crate) struct Service<'a> {
    /// Name of the box.
    pub(crate) name: &'a str,
    /// Role of the box.
    pub(crate) role: &'static str,
    /// Stage that it belongs to.
    pub(crate) stage: &'static str,
    /// Address of its service.
    pub(crate) listen: SocketAddr,
    /// Address of its metrics and profiles.
    pub(crate) admin: SocketAddr,
    /// URL of the store, which may contain a password. `None` for a local database.
    pub(crate) store_url: Option<String>,
    /// Store of files. `None` for a local folder.
    pub(crate) files: Option<&'a FileStore>,
    /// URL of the shared cache, which contains a password. `None` if the stage has none.
    pub(crate) cache_url: Option<String>,
    /// URL of the store's replicas, which contains a password. `None` if the stage has none.
    pub(crate) replica_url: Option<String>,
    /// Queue of photos. `None` if the stage has none.
    pub(crate) queue: Option<QueueUse>,
    /// Part of the service that it runs. `None` if it runs all of it.
    pub(crate) part: Option<Part>,
    /// Caches at the edge that it purges. `None` if the stage has none.
    pub(crate) edges: Option<EdgesUse>,
    /// URL of the sessions, which contains a password. `None` if the store has them.
    pub(crate) sessions_url: Option<String>,
    /// URL of the warehouse of old posts, which contains a password. `None` if all stay in the store.
    pub(crate) warehouse_url: Option<String>,
    /// Databases of posts, each `NAME=URL` with a password. Empty if the store has all posts.
    pub(crate) shards: Vec<String>,
    /// URL of the database of photos, which contains a password. `None` if they are with the posts.
    pub(crate) photos_url: Option<String>,
    /// Its certificate, if it serves HTTPS.
    pub(crate) identity: Option<&'a Identity>,
    /// Address of plain HTTP that redirects to HTTPS.
    pub(crate) redirect: Option<SocketAddr>,
    /// Receiver of its error reports, with a key. `None` if it sends none.
    pub(crate) error_reports: Option<String>,
}

/// Queue of a box, and the part of the service that uses it.
#[derive(Debug, Clone)]
pub(crate) struct QueueUse {
    /// URL of the queue, which contains a password.
    pub(crate) url: String,
    /// Part of the service that the box runs: `web` adds jobs, `worker` works on them, `all` does both.
    pub(crate) role: &'static str,
}

/// Part of the service that a box runs, and the boxes with other parts that it calls.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Role of the process.
    pub(crate) role: &'static str,
    /// Key that all parts share.
    pub(crate) key: String,
    /// Addresses of the boxes with the users. Empty if it calls none.
    pub(crate) users: Vec<SocketAddr>,
    /// Addresses of the boxes with the posts. Empty if it calls none.
    pub(crate) posts: Vec<SocketAddr>,
}

/// Caches at the edge.
#[derive(Debug, Clone)]
pub(crate) struct EdgesUse {
    /// Their addresses.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Key of purges.
    pub(crate) key: String,
}

/// Address and credentials of the object store.
#[derive(Debug)]
pub(crate) struct FileStore {
    /// Address of the box.
    pub(crate) address: SocketAddr,
    /// URL for `--files`.
    pub(crate) url: String,
    /// Access key.
    pub(crate) access_key_id: String,
    /// Secret of the access key.
    pub(crate) secret_access_key: String,
}

/// Variables to remove from the environment of boxes: the lab chooses these settings.
const REMOVED_VARIABLES: &[&str] = &[
    "TENFOLD_PORT",
    "TENFOLD_STORE",
    "TENFOLD_FILES",
    "TENFOLD_EMPTY",
    "TENFOLD_TLS_CERT",
    "TENFOLD_TLS_KEY",
    "TENFOLD_LISTEN_UNIX",
    "TENFOLD_REDIRECT_LISTEN",
    "TENFOLD_CACHE",
    "TENFOLD_REPLICA",
    "TENFOLD_QUEUE",
    "TENFOLD_ROLE",
    "TENFOLD_USERS_SERVICE",
    "TENFOLD_POSTS_SERVICE",
    "TENFOLD_SERVICES_KEY",
    "TENFOLD_EDGE",
    "TENFOLD_EDGES_KEY",
    "TENFOLD_SESSIONS",
    "TENFOLD_SHARD",
    "TENFOLD_WAREHOUSE",
    "TENFOLD_PHOTOS_STORE",
    "TENFOLD_ALLOW_DELAYS",
];

impl Service<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, options: &LabOptions) -> BoxPlan {
        let in_directory = |name: &str| options.directory.join(format!("{}.{name}", self.name));
        let (ready_file, progress_file) =
            (in_directory("ready.json"), in_directory("progress.json"));
        let data = match self.name {
            "web" => options.directory.join("data"),
            name => options.directory.join(name),
        };
        let mut plan = BoxPlan {
            name: self.name.to_owned(),
            role: self.role,
            zone: None,
            program: options.program.clone(),
            arguments: Vec::new(),
            environment: REMOVED_VARIABLES
                .iter()
                .map(|name| ((*name).into(), None))
                .collect(),
            namespace: None,
            beside: None,
            readiness: Readiness::File(ready_file.clone()),
            progress: ProgressSource {
                file: Some(progress_file.clone()),
                data: Some(data.clone()),
                growing: "writing data,",
                of_line: None,
            },
            stop: Stop::Stdin,
            balancer: None,
            monitor: None,
            settings: BTreeMap::new(),
            renewal: match self.identity {
                Some(_) => Renewal::Restart,
                None => Renewal::Nothing,
            },
            url: None,
        };
        let mut add = |flag: &str, value: &dyn ToString| {
            plan.arguments
                .extend([OsString::from(flag), value.to_string().into()]);
        };
        add("--stage", &self.stage);
        add("--listen", &self.listen);
        add("--admin", &self.admin);
        if let Some(data_set) = options.data_set {
            add("--data-seed", &data_set.seed);
            add("--data-users", &data_set.users);
            add("--data-posts", &data_set.posts);
        }
        if let Some(redirect) = self.redirect {
            add("--redirect-listen", &redirect);
        }
        if let Some(files) = self.files {
            add("--files", &files.url);
        }
        let of_queue = self.queue.as_ref().map(|queue| queue.role);
        if let Some(role) = self.part.as_ref().map(|part| part.role).or(of_queue) {
            add("--role", &role);
        }
        if let Some(part) = &self.part {
            for (flag, called) in [
                ("--users-service", &part.users),
                ("--posts-service", &part.posts),
            ] {
                let called: Vec<_> = called.iter().map(ToString::to_string).collect();
                if !called.is_empty() {
                    add(flag, &format!("http://{}", called.join(",")));
                }
            }
        }
        for edge in self.edges.iter().flat_map(|own| &own.addresses) {
            add("--edge", &format!("http://{edge}"));
        }
        plan.arguments.insert(0, "serve".into());
        let mut add = |flag: &str, value: &Path| {
            plan.arguments.extend([flag.into(), value.into()]);
        };
        if let Some(identity) = self.identity {
            add("--tls-cert", &identity.certificate);
            add("--tls-key", &identity.key);
        }
        add("--data", &data);
        add("--ready-file", &ready_file);
        add("--progress-file", &progress_file);
        plan.arguments.push("--stop-with-stdin".into());
        plan.arguments.extend(options.arguments.iter().cloned());
        let mut set = |name: &str, value: &str| {
            plan.environment.push((name.into(), Some(value.into())));
        };
        if let Some(url) = options.store_url.as_ref().or(self.store_url.as_ref()) {
            set("TENFOLD_STORE", url);
        }
        if let Some(queue) = &self.queue {
            set("TENFOLD_QUEUE", &queue.url);
        }
        if let Some(part) = &self.part {
            set("TENFOLD_SERVICES_KEY", &part.key);
        }
        if let Some(edges) = &self.edges {
            set("TENFOLD_EDGES_KEY", &edges.key);
        }
        if let Some(address) = &self.error_reports {
            set("TENFOLD_ERROR_REPORTS", address);
        }
        if let Some(url) = &self.cache_url {
            set("TENFOLD_CACHE", url);
        }
        if let Some(url) = &self.sessions_url {
            set("TENFOLD_SESSIONS", url);
        }
        if let Some(url) = self
            .warehouse_url
            .as_ref()
            .filter(|_| options.store_url.is_none())
        {
            set("TENFOLD_WAREHOUSE", url);
        }
        // The shards and replicas of a store given by the user are unknown.
        if !self.shards.is_empty() && options.store_url.is_none() {
            set("TENFOLD_SHARD", &self.shards.join(" "));
        }
        if let Some(url) = self
            .photos_url
            .as_ref()
            .filter(|_| options.store_url.is_none())
        {
            set("TENFOLD_PHOTOS_STORE", url);
        }
        if let Some(url) = self
            .replica_url
            .as_ref()
            .filter(|_| options.store_url.is_none())
        {
            set("TENFOLD_REPLICA", url);
        }
        if let Some(files) = self.files {
            set("AWS_ACCESS_KEY_ID", &files.access_key_id);
            set("AWS_SECRET_ACCESS_KEY", &files.secret_access_key);
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worker_gets_its_queue_in_the_environment() {
        let options = LabOptions::new("tenfold", "lab");
        let url = "tls://tenfold:hunter2@127.0.1.1:4222/photos".to_owned();
        let worker = Service {
            name: "worker-1",
            role: "worker",
            stage: "partitioned",
            listen: "127.0.1.1:8080".parse().unwrap(),
            admin: "127.0.1.1:9100".parse().unwrap(),
            store_url: None,
            files: None,
            cache_url: None,
            replica_url: None,
            sessions_url: None,
            part: None,
            edges: None,
            warehouse_url: None,
            shards: Vec::new(),
            photos_url: None,
            queue: Some(QueueUse {
                url: url.clone(),
                role: "worker",
            }),
            identity: None,
            redirect: None,
            error_reports: None,
        };
        let plan = worker.plan(&options);
        let pair = [OsString::from("--role"), "worker".into()];
        assert!(plan.arguments.windows(2).any(|own| own == pair));
        let secret = |argument: &OsString| argument.to_string_lossy().contains("hunter2");
        assert!(!plan.arguments.iter().any(secret));
        let set = ("TENFOLD_QUEUE".into(), Some(url.into()));
        assert_eq!(
            plan.environment.iter().rfind(|own| own.0 == set.0),
            Some(&set)
        );
    }
}
