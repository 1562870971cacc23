//! A box that runs the reference service.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::boxes::box_plan::{BoxPlan, Stop};
use crate::boxes::readiness::Readiness;
use crate::identity::Identity;
use crate::options::LabOptions;

/// What a box that runs the service is started with, beside what all of the lab has.
#[derive(Debug)]
pub(crate) struct Service<'a> {
    /// The name of the box.
    pub(crate) name: &'a str,
    /// What it is for.
    pub(crate) role: &'static str,
    /// The stage that it is part of.
    pub(crate) stage: &'static str,
    /// Where it serves.
    pub(crate) listen: SocketAddr,
    /// Where it offers metrics and profiles.
    pub(crate) admin: SocketAddr,
    /// The store; none for a database beside it. It may hold a password.
    pub(crate) store_url: Option<String>,
    /// Where files are; none for a folder beside it.
    pub(crate) files: Option<&'a FilesPlace>,
    /// The cache that web servers share; none where there is none. It holds a password.
    pub(crate) cache_url: Option<String>,
    /// Where replicas of the store answer; none where there are none. It holds a password.
    pub(crate) replica_url: Option<String>,
    /// Who it is, where it speaks TLS.
    pub(crate) identity: Option<&'a Identity>,
    /// Where it speaks HTTP in the clear to send who comes on to where it doesn't.
    pub(crate) redirect: Option<SocketAddr>,
}

/// Where files are, and what opens the place.
#[derive(Debug)]
pub(crate) struct FilesPlace {
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// As `--files` takes it.
    pub(crate) url: String,
    /// The account.
    pub(crate) access_key_id: String,
    /// Its secret.
    pub(crate) secret_access_key: String,
}

/// What a person has set for `serve` is not for a box, whose port and store are chosen.
const NOT_FOR_BOXES: &[&str] = &[
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
];

impl Service<'_> {
    /// Plans the box.
    pub(crate) fn plan(&self, options: &LabOptions) -> BoxPlan {
        let ready_file = options.directory.join(format!("{}.ready.json", self.name));
        let mut plan = BoxPlan {
            name: self.name.to_owned(),
            role: self.role,
            zone: None,
            program: options.program.clone(),
            arguments: Vec::new(),
            environment: NOT_FOR_BOXES
                .iter()
                .map(|name| ((*name).into(), None))
                .collect(),
            namespace: None,
            readiness: Readiness::File(ready_file.clone()),
            stop: Stop::Stdin,
            balancer: None,
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
        plan.arguments.insert(0, "serve".into());
        let mut add = |flag: &str, value: &Path| {
            plan.arguments.extend([flag.into(), value.into()]);
        };
        if let Some(identity) = self.identity {
            add("--tls-cert", &identity.certificate);
            add("--tls-key", &identity.key);
        }
        let data = match self.name {
            "web" => options.directory.join("data"),
            name => options.directory.join(name),
        };
        add("--data", &data);
        add("--ready-file", &ready_file);
        plan.arguments.push("--stop-with-stdin".into());
        plan.arguments.extend(options.arguments.iter().cloned());
        let mut set = |name: &str, value: &str| {
            plan.environment.push((name.into(), Some(value.into())));
        };
        if let Some(url) = options.store_url.as_ref().or(self.store_url.as_ref()) {
            set("TENFOLD_STORE", url);
        }
        if let Some(url) = &self.cache_url {
            set("TENFOLD_CACHE", url);
        }
        // Those of a store that somebody else has named are not known.
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
