//! A lab: the boxes of one stage, up on this machine.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::directory_lock::DirectoryLock;
use crate::{LabBox, LabError, Stage};

/// How to bring a stage up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that holds the `serve` subcommand.
    pub program: PathBuf,
    /// Where data, logs and locks go; made where it is missing.
    pub directory: PathBuf,
    /// The data set to load; none for the program's own default.
    pub data_set: Option<DataSet>,
    /// The store to use in place of the stage's own, such as `mysql://...`.
    ///
    /// It may hold a password, so it travels in the environment (`TENFOLD_STORE`), which other
    /// accounts can't read.
    pub store_url: Option<String>,
    /// Further arguments for `serve`.
    pub arguments: Vec<OsString>,
    /// How long a box may take to become ready.
    pub ready_timeout: Duration,
    /// How long a box may take to finish what is in flight and stop.
    pub stop_timeout: Duration,
}

impl Options {
    /// Returns the defaults: 30 s to become ready, 10 s to stop.
    pub fn new(program: impl Into<PathBuf>, directory: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            directory: directory.into(),
            data_set: None,
            store_url: None,
            arguments: Vec::new(),
            ready_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
        }
    }
}

/// The data set to load: `--data-seed`, `--data-users`, `--data-posts` of `serve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataSet {
    /// Everything in it follows from this.
    pub seed: u64,
    /// How many users.
    pub users: u64,
    /// How many posts.
    pub posts: u64,
}

/// A stage, up on this machine. Dropping it kills its boxes.
#[derive(Debug)]
pub struct Lab {
    stage: &'static Stage,
    // In the order of their start: the first is where traffic enters.
    boxes: Vec<LabBox>,
    stop_timeout: Duration,
    // Dropped last, when no box is left that uses the directory.
    _lock: DirectoryLock,
}

/// Brings a stage up and returns once every box is ready.
///
/// # Errors
///
/// Where the stage is not built, the directory is held by another lab, or a box can't be started,
/// ends by itself or is not ready in time; none is left running then.
pub fn up(stage: &'static Stage, options: &Options) -> Result<Lab, LabError> {
    let start = stage.start()?;
    let lock = DirectoryLock::take(&options.directory)?;
    Ok(Lab {
        stage,
        boxes: start(options)?,
        stop_timeout: options.stop_timeout,
        _lock: lock,
    })
}

impl Lab {
    /// The stage that is up.
    pub fn stage(&self) -> &'static Stage {
        self.stage
    }

    /// Its boxes, in the order of their start.
    pub fn boxes(&self) -> &[LabBox] {
        &self.boxes
    }

    /// Where traffic enters; none where the stage has no box that listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.boxes.iter().find_map(LabBox::address)
    }

    /// Where the metrics and profiles of the box that traffic enters are.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.boxes.iter().find_map(LabBox::admin_address)
    }

    /// Returns an error, with the log's last lines, where a box has ended by itself.
    pub fn check(&mut self) -> Result<(), LabError> {
        self.boxes.iter_mut().try_for_each(LabBox::check)
    }

    /// Stops the boxes, last started first: each finishes what is in flight and is killed where it
    /// does not end in time.
    ///
    /// # Errors
    ///
    /// Where a box had to be killed or ended with a failure: the first such one. None is left
    /// running either way.
    pub fn stop(mut self) -> Result<(), LabError> {
        let mut outcome = Ok(());
        while let Some(mut last) = self.boxes.pop() {
            outcome = outcome.and(last.stop(self.stop_timeout));
        }
        outcome
    }
}
