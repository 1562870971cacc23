//! What the caller of the lab chooses: where it runs, and what each box may use.

pub(crate) mod allowance;
pub(crate) mod role_count;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use self::allowance::Allowances;
use self::role_count::RoleCount;

/// How to bring a stage up.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// The program that holds the `serve` subcommand.
    pub program: PathBuf,
    /// Where data, logs and locks go; made where it is missing.
    pub directory: PathBuf,
    /// What each box may use.
    pub allowances: Allowances,
    /// How many boxes roles have, in place of the usual two.
    pub counts: Vec<RoleCount>,
    /// The data set to load; none for the program's own default.
    pub data_set: Option<DataSetOptions>,
    /// The store to use in place of the stage's own, such as `mysql://...`.
    ///
    /// It may hold a password, so it travels in the environment (`TENFOLD_STORE`), which other
    /// accounts can't read.
    pub store_url: Option<String>,
    /// Whether boxes have a network of their own, in which only what a stage is made with is let through.
    pub network: bool,
    /// Whether the SQL databases are set to make use of their boxes, rather than by their defaults.
    pub tuned: bool,
    /// Further arguments for `serve`.
    pub arguments: Vec<OsString>,
    /// How long a box may take to become ready.
    pub ready_timeout: Duration,
    /// How long a box may take to finish what is in flight and stop.
    pub stop_timeout: Duration,
}

impl LabOptions {
    /// Returns the defaults: no box confined, 30 s to become ready, 15 s to stop.
    pub fn new(program: impl Into<PathBuf>, directory: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            directory: directory.into(),
            allowances: Allowances::unconfined(),
            counts: Vec::new(),
            data_set: None,
            store_url: None,
            network: false,
            tuned: false,
            arguments: Vec::new(),
            ready_timeout: Duration::from_secs(30),
            // Beyond the ten seconds in which the service itself ends what is in flight.
            stop_timeout: Duration::from_secs(15),
        }
    }
}

/// The data set to load: `--data-seed`, `--data-users`, `--data-posts` of `serve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSetOptions {
    /// Everything in it follows from this.
    pub seed: u64,
    /// How many users.
    pub users: u64,
    /// How many posts.
    pub posts: u64,
}
