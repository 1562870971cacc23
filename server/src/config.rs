//! Configuration of the service.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::data_set::{DataSet, LoadProgress};
use crate::delays::Delays;
use crate::edges::EdgeOptions;
use crate::feeds::FeedOptions;
use crate::queue::QueueOptions;
use crate::store::CacheOptions;
use crate::warehouse::ArchiveOptions;
use crate::worker::WorkerOptions;

/// Configuration of the service.
#[derive(Clone)]
pub struct Config {
    /// Address to listen on; port 0 picks a free port.
    pub listen: SocketAddr,
    /// Additional Unix socket to listen on, without TLS, for clients on the same machine.
    pub listen_unix: Option<PathBuf>,
    /// Certificate for TLS on `listen`. `None` serves plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Address for plain HTTP that redirects every request to `listen`, over TLS.
    pub redirect_listen: Option<SocketAddr>,
    /// Address for `/metrics` and `/debug/pprof`. Prefer loopback: anyone who can connect sees what
    /// the process does.
    pub admin: Option<SocketAddr>,
    /// URL of the store; see [`crate::store::resolve`].
    pub store_url: String,
    /// Shards of posts, each `NAME=URL`; see [`crate::store::resolve_sharded`]. Empty if the store has all posts.
    pub shards: Vec<String>,
    /// URL of the database with the records of photos; see [`crate::store::resolve_photos`]. `None` if the store has them.
    pub photos_url: Option<String>,
    /// Age of a change that one of two databases has, from which on a worker takes it for one of a dead process.
    pub photo_note_age: Duration,
    /// URL of the cache that processes share; see [`crate::cache::resolve`]. `None` disables caching.
    pub cache_url: Option<String>,
    /// URL of the sessions; see [`crate::polyglot::resolve_sessions`]. `None` keeps them in the store.
    pub sessions_url: Option<String>,
    /// Cache options.
    pub cache: CacheOptions,
    /// URLs of the store's read replicas; see [`crate::store::resolve_replica`].
    pub replica_urls: Vec<String>,
    /// Maximum lag of a replica that serves reads.
    pub replica_lag_max: Duration,
    /// URL of the users' files; see [`crate::files::resolve`].
    pub files_url: String,
    /// Copies static assets to the file store at startup and serves them from there.
    pub assets_in_files: bool,
    /// Delays that the admin listener switches. `None` allows none, and wraps nothing.
    pub delays: Option<Arc<Delays>>,
    /// URL of the queue of photos whose thumbnails workers make; see [`crate::queue::resolve`]. `None` makes
    /// each within its request.
    pub queue_url: Option<String>,
    /// Queue options.
    pub queue: QueueOptions,
    /// Part of the service that this process runs.
    pub role: Role,
    /// Other parts of the service.
    pub services: ServiceOptions,
    /// Worker options.
    pub worker: WorkerOptions,
    /// Address of the receiver of error reports; see [`crate::error_reports::resolve`]. `None` sends none.
    pub error_reports: Option<String>,
    /// Move of old posts to a warehouse, from which they are read then. `None` keeps all posts in the store.
    pub archive: Option<ArchiveOptions>,
    /// Limits calls of the object store by a retry budget and a circuit breaker. False for an experiment.
    pub is_limited: bool,
    /// Responses have validators, so that clients need not load them again.
    pub has_validators: bool,
    /// Edges that keep responses, and are purged when something changes.
    pub edges: EdgeOptions,
    /// How feeds are read. Written feeds need a queue.
    pub feeds: FeedOptions,
    /// Data set to load before the first request is served.
    pub data_set: Option<DataSet>,
    /// Progress of loading the data set.
    pub load_progress: Arc<LoadProgress>,
    /// Lifetime of a session.
    pub session_ttl: Duration,
    /// Maximum size of a JSON body, in bytes.
    pub body_limit: usize,
    /// Maximum size of a photo, in bytes.
    pub photo_limit: usize,
    /// Maximum time for a body to arrive.
    pub body_timeout: Duration,
    /// Maximum time between requests on a connection, including the arrival of the next request's head.
    pub idle_timeout: Duration,
    /// Maximum time to wait for requests in flight at shutdown.
    pub shutdown_grace: Duration,
}

/// Other parts of the service, in processes of their own.
#[derive(Clone, Default)]
pub struct ServiceOptions {
    /// Key that all parts share, in visible ASCII. Without one, calls by other parts are refused, and none are made.
    pub key: Option<String>,
    /// URL of the processes that have the users: `http://host:port,host:port`.
    pub users: Option<String>,
    /// URL of the processes that have the posts.
    pub posts: Option<String>,
}

/// Part of the service that a process runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything: requests and, with a queue, its jobs.
    #[default]
    All,
    /// Requests alone. Other processes work on the jobs.
    Web,
    /// Jobs alone. It serves no requests but those for its health.
    Worker,
    /// Requests for users, sessions and follows alone.
    Users,
    /// Requests for posts alone.
    Posts,
    /// Requests for photos and their jobs alone.
    Photos,
    /// Requests for feeds alone.
    Feeds,
}

impl Role {
    /// Roles and their names.
    const ALL: [(&str, Self); 7] = [
        ("all", Self::All),
        ("web", Self::Web),
        ("worker", Self::Worker),
        ("users", Self::Users),
        ("posts", Self::Posts),
        ("photos", Self::Photos),
        ("feeds", Self::Feeds),
    ];

    /// Returns true if the process serves requests.
    pub(crate) fn serves(self) -> bool {
        self != Self::Worker
    }

    /// Returns true if the process works on jobs.
    pub(crate) fn works(self) -> bool {
        matches!(self, Self::All | Self::Worker)
    }

    /// Returns true if other processes serve the other requests.
    pub(crate) fn is_part(self) -> bool {
        matches!(self, Self::Users | Self::Posts | Self::Photos | Self::Feeds)
    }

    /// Returns true if it answers calls by other parts.
    pub(crate) fn answers_calls(self) -> bool {
        matches!(self, Self::Users | Self::Posts)
    }

    /// Returns true if the process has the posts in its databases.
    pub(crate) fn has_posts(self) -> bool {
        !self.is_part() || self == Self::Posts
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(_, role)| role == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.iter().find(|(name, _)| *name == text);
        named.map(|(_, role)| *role).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            format!("it must be one of {names}")
        })
    }
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by its intermediate certificates, in PEM.
    pub certificate: PathBuf,
    /// The private key, in unencrypted PEM.
    pub key: PathBuf,
}

impl Config {
    /// Creates a configuration with free loopback ports, no data set and default limits.
    pub fn new(store_url: impl Into<String>, files_url: impl Into<String>) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: free,
            listen_unix: None,
            tls: None,
            redirect_listen: None,
            admin: Some(free),
            store_url: store_url.into(),
            shards: Vec::new(),
            photos_url: None,
            photo_note_age: Duration::from_secs(20),
            cache_url: None,
            sessions_url: None,
            cache: CacheOptions::default(),
            replica_urls: Vec::new(),
            replica_lag_max: Duration::from_secs(1),
            files_url: files_url.into(),
            assets_in_files: false,
            delays: None,
            queue_url: None,
            queue: QueueOptions::default(),
            role: Role::All,
            services: ServiceOptions::default(),
            worker: WorkerOptions::default(),
            error_reports: None,
            archive: None,
            is_limited: true,
            has_validators: true,
            edges: EdgeOptions::default(),
            feeds: FeedOptions::default(),
            data_set: None,
            load_progress: Arc::default(),
            session_ttl: Duration::from_secs(24 * 3_600),
            body_limit: 16 * 1_024,
            photo_limit: 5 * 1_024 * 1_024,
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(300),
            shutdown_grace: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for Config {
    /// Omits URLs of stores and cache except for their schemes: they may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn scheme(url: &str) -> &str {
            url.split(':').next().unwrap_or_default()
        }
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("listen_unix", &self.listen_unix)
            .field("tls", &self.tls)
            .field("redirect_listen", &self.redirect_listen)
            .field("admin", &self.admin)
            .field("store", &scheme(&self.store_url))
            .field("cache", &self.cache_url.as_deref().map(scheme))
            .field("sessions", &self.sessions_url.as_deref().map(scheme))
            .field("shards", &self.shards.len())
            .field("photos", &self.photos_url.as_deref().map(scheme))
            .field("replicas", &self.replica_urls.len())
            .field("files", &self.files_url)
            .field("queue", &self.queue_url.as_deref().map(scheme))
            .field(
                "warehouse",
                &self.archive.as_ref().map(|own| scheme(&own.warehouse_url)),
            )
            .field("edges", &self.edges.urls)
            .field("role", &self.role)
            .field("users_service", &self.services.users)
            .field("posts_service", &self.services.posts)
            .field("feeds", &self.feeds)
            .field("data_set", &self.data_set)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_omits_passwords() {
        let mut config = Config::new("mysql://root:hunter2@localhost/db", "file:files");
        config.cache_url = Some("redis://:hunter2@localhost".to_owned());
        config.sessions_url = Some("redis-cluster://:hunter2@localhost:1".to_owned());
        config.queue_url = Some("nats://user:hunter2@localhost/photos".to_owned());
        config.services.key = Some("hunter2".to_owned());
        config.edges.key = Some("hunter2".to_owned());
        config.replica_urls = vec!["mysql://root:hunter2@localhost/db".to_owned()];
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn reads_roles() {
        assert_eq!("worker".parse(), Ok(Role::Worker));
        assert!("Worker".parse::<Role>().is_err());
        assert!(Role::All.serves() && Role::All.works());
        assert!(!Role::Web.works() && !Role::Worker.serves());
        for (name, role) in Role::ALL {
            assert_eq!(
                (name.parse(), role.to_string()),
                (Ok(role), name.to_owned())
            );
        }
        assert!(Role::Photos.is_part() && !Role::Photos.has_posts() && !Role::Photos.works());
        assert!(Role::Web.has_posts() && Role::Posts.has_posts());
    }
}
