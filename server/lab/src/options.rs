//! Options of a lab: its directory, and the resources of its boxes.

pub(crate) mod allowance;
pub(crate) mod optional;
pub(crate) mod role_count;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use self::allowance::Allowances;
use self::role_count::RoleCount;

/// Options to bring a stage up.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Program that provides the `serve` subcommand.
    pub program: PathBuf,
    /// Directory for data, logs and locks; created if missing.
    pub directory: PathBuf,
    /// Number of directories to use instead while other labs hold it: `DIRECTORY-2`, `DIRECTORY-3` and so on.
    pub spares: u32,
    /// Command that the lab belongs to, shown to those who find the directory held. Contains no secrets.
    pub command: String,
    /// True to answer other processes ([`crate::ask`]) from the start on. The caller then has to call
    /// [`crate::Lab::tend`] or [`crate::Lab::answer`].
    pub listens: bool,
    /// CPU and memory of each box.
    pub allowances: Allowances,
    /// Number of boxes of a role, overriding the default.
    pub counts: Vec<RoleCount>,
    /// Optional boxes to add, such as `cassandra`.
    pub with: Vec<String>,
    /// Data set to load. `None` for the default of `serve`.
    pub data_set: Option<DataSetOptions>,
    /// Store that replaces the stage's own, such as `mysql://...`.
    ///
    /// May hold a password, so it is passed in the environment (`TENFOLD_STORE`), which other accounts
    /// can't read.
    pub store_url: Option<String>,
    /// True to put the boxes in a private network that allows only the connections of the stage.
    pub network: bool,
    /// Scaling policy, as TOML. `None` for the default of the stage. Only for a stage that scales.
    pub policy: Option<String>,
    /// Addresses outside the private network from which SSH is admitted.
    pub ssh_from: Vec<IpAddr>,
    /// Time for which clients may use the address of the service's name. `Some` puts two balancers behind a name, one in each zone.
    pub door: Option<Duration>,
    /// True to keep static files in the web servers of the stage, where it has such a cache.
    pub web_cache: bool,
    /// True to tune the SQL databases to the size of their boxes.
    pub tuned: bool,
    /// Further arguments of `serve`.
    pub arguments: Vec<OsString>,
    /// Longest time that a box may take without progress until it is ready.
    pub stall_timeout: Duration,
    /// Time limit for a box to become ready, however much progress it makes.
    pub ready_timeout: Duration,
    /// Time limit for a box to finish its requests in flight and exit.
    pub stop_timeout: Duration,
}

impl LabOptions {
    /// Returns the defaults: unconfined boxes, no spare directories, 30 s without progress and an hour in all to
    /// become ready, 15 s to stop.
    pub fn new(program: impl Into<PathBuf>, directory: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            directory: directory.into(),
            spares: 0,
            command: String::new(),
            listens: false,
            allowances: Allowances::unconfined(),
            counts: Vec::new(),
            with: Vec::new(),
            data_set: None,
            store_url: None,
            network: false,
            policy: None,
            ssh_from: Vec::new(),
            door: None,
            web_cache: true,
            tuned: false,
            arguments: Vec::new(),
            stall_timeout: Duration::from_secs(30),
            // A large data set takes its time, and shows how far it is.
            ready_timeout: Duration::from_secs(3_600),
            // More than the 10 s that the service itself allows for requests in flight.
            stop_timeout: Duration::from_secs(15),
        }
    }
}

/// Data set to load: `--data-seed`, `--data-users` and `--data-posts` of `serve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSetOptions {
    /// Seed that determines the whole data set.
    pub seed: u64,
    /// Number of users.
    pub users: u64,
    /// Number of posts.
    pub posts: u64,
}
