//! What the service is started with.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::data_set::DataSet;
use crate::store::CacheOptions;

/// What the service is started with.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A socket in the file system to listen on too, in the clear: for whoever is on the same machine.
    pub listen_unix: Option<PathBuf>,
    /// The certificate to speak TLS with on `listen`; plain HTTP where there is none.
    pub tls: Option<TlsFiles>,
    /// Where to listen for plain HTTP whose every request is sent on to `listen`, over TLS.
    pub redirect_listen: Option<SocketAddr>,
    /// Where to listen for `/metrics` and `/debug/pprof`; loopback is wise, since anyone who
    /// reaches it sees what the process does.
    pub admin: Option<SocketAddr>,
    /// The store, as [`crate::store::resolve`] takes it.
    pub store_url: String,
    /// The cache that processes share, as [`crate::cache::resolve`] takes it. Without one nothing is
    /// cached.
    pub cache_url: Option<String>,
    /// How the cache is run.
    pub cache: CacheOptions,
    /// Replicas of the store to read from, as [`crate::store::resolve_replica`] takes them.
    pub replica_urls: Vec<String>,
    /// How far behind a replica that is read may be.
    pub replica_lag_max: Duration,
    /// Where the users' files are, as [`crate::files::resolve`] takes it.
    pub files_url: String,
    /// Whether static assets are put where the files are when the service starts, and read from there.
    pub assets_in_files: bool,
    /// The data to have before the first request is answered.
    pub data_set: Option<DataSet>,
    /// How long a session lasts.
    pub session_ttl: Duration,
    /// The largest JSON body, in bytes.
    pub body_limit: usize,
    /// The largest photo, in bytes.
    pub photo_limit: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection may take to send a request's head, idle time included.
    pub idle_timeout: Duration,
    /// How long to wait at the end for requests in flight.
    pub shutdown_grace: Duration,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and then those between it and its root, in PEM.
    pub certificate: PathBuf,
    /// The certificate's key, in PEM and not encrypted.
    pub key: PathBuf,
}

impl Config {
    /// Configures a service on free loopback ports, without a data set, with usual limits.
    pub fn new(store_url: impl Into<String>, files_url: impl Into<String>) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: free,
            listen_unix: None,
            tls: None,
            redirect_listen: None,
            admin: Some(free),
            store_url: store_url.into(),
            cache_url: None,
            cache: CacheOptions::default(),
            replica_urls: Vec::new(),
            replica_lag_max: Duration::from_secs(1),
            files_url: files_url.into(),
            assets_in_files: false,
            data_set: None,
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
    /// Leaves out all of the URLs of stores and cache but their schemes: they may hold passwords.
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
            .field("replicas", &self.replica_urls.len())
            .field("files", &self.files_url)
            .field("data_set", &self.data_set)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_printed() {
        let mut config = Config::new("mysql://root:hunter2@localhost/db", "file:files");
        config.cache_url = Some("redis://:hunter2@localhost".to_owned());
        config.replica_urls = vec!["mysql://root:hunter2@localhost/db".to_owned()];
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
