//! What the service is started with.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::data_set::DataSet;

/// What the service is started with.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to listen for `/metrics` and `/debug/pprof`; loopback is wise, since anyone who
    /// reaches it sees what the process does.
    pub admin: Option<SocketAddr>,
    /// The store, as [`crate::store::resolve`] takes it.
    pub store_url: String,
    /// The folder of the users' files.
    pub files_dir: PathBuf,
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

impl Config {
    /// Configures a service on free loopback ports, without a data set, with usual limits.
    pub fn new(store_url: impl Into<String>, files_dir: impl Into<PathBuf>) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: free,
            admin: Some(free),
            store_url: store_url.into(),
            files_dir: files_dir.into(),
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
    /// Leaves out all of the store's URL but its scheme: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.store_url.split(':').next().unwrap_or_default();
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("admin", &self.admin)
            .field("store", &scheme)
            .field("files_dir", &self.files_dir)
            .field("data_set", &self.data_set)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_the_store_is_not_printed() {
        let config = Config::new("mysql://root:hunter2@localhost/db", "files");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
