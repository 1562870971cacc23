//! Errors of a lab.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::directory::found_lab::FoundLab;
use crate::directory::lock::Holder;
use crate::program::MissingProgram;

/// An error that prevents a stage from coming up, running or stopping cleanly.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No stage has this name.
    #[error("there is no stage `{name}`; {advice}")]
    UnknownStage {
        /// Name that was given.
        name: String,
        /// The nearest name, or all names.
        advice: String,
    },
    /// An allowance names a role that the stage does not have.
    #[error("stage `{stage}` has no box `{role}`; its boxes are {roles}")]
    UnknownRole {
        /// Role that was given.
        role: String,
        /// Name of the stage.
        stage: &'static str,
        /// Roles of the stage.
        roles: String,
    },
    /// A count names a role that can't have several boxes.
    #[error("stage `{stage}` can't have several `{role}` boxes; roles that can: {countable}")]
    Uncountable {
        /// Role that was given.
        role: String,
        /// Name of the stage.
        stage: &'static str,
        /// Roles that can have several boxes.
        countable: String,
    },
    /// A box is not an optional one of the stage.
    #[error("stage `{stage}` has no optional box `{name}`; its optional boxes: {optional}")]
    NotOptional {
        /// Name that was given.
        name: String,
        /// Name of the stage.
        stage: &'static str,
        /// Its optional boxes.
        optional: String,
    },
    /// A scaling policy does not fit the stage.
    #[error("could not use the scaling policy: {0}")]
    Policy(String),
    /// The allowance of a box could not be enforced.
    #[error("could not confine the {name} box to its allowance: {source}")]
    Confine {
        /// Name of the box.
        name: String,
        /// Underlying error.
        source: std::io::Error,
    },
    /// A program that a box is to run is not on this machine.
    #[error(transparent)]
    MissingProgram(#[from] MissingProgram),
    /// A path contains characters that have a meaning in configuration files.
    #[error(
        "could not use {path} as the lab's directory: at this stage its path may contain only letters, digits and / . _ - +"
    )]
    UnplainPath {
        /// The path.
        path: PathBuf,
    },
    /// The private network could not be created.
    #[error("could not create the lab's network: {reason}")]
    Network {
        /// Reason of the failure.
        reason: String,
    },
    /// A certificate could not be issued.
    #[error("could not issue a certificate: {reason}")]
    Certificate {
        /// Reason of the failure.
        reason: String,
    },
    /// No port is free.
    #[error("could not find a free port on loopback: {source}")]
    NoPort {
        /// Underlying error.
        source: std::io::Error,
    },
    /// No box or zone has this name.
    #[error("there is no box or zone `{name}`; this lab has {there}")]
    UnknownBox {
        /// Name that was given.
        name: String,
        /// Names of the boxes and zones.
        there: String,
    },
    /// No lab is up in the directory.
    #[error("no lab is up in {directory}; start one with `tenfold lab up`{}", named(.others))]
    NotUp {
        /// The directory.
        directory: PathBuf,
        /// Labs that are up in the directories beside it.
        others: Vec<FoundLab>,
    },
    /// A lab did not answer a request.
    #[error("the lab in {directory} did not answer: {reason}")]
    NoAnswer {
        /// The directory.
        directory: PathBuf,
        /// Reason of the failure.
        reason: String,
    },
    /// Posts could not be moved between shards.
    #[error("could not move posts between shards: {reason}")]
    Resharding {
        /// Cause.
        reason: String,
    },
    /// The caller gave up before the boxes were ready. No box is left running.
    #[error("interrupted before every box was ready")]
    Interrupted,
    /// The lab refused a request.
    #[error("{0}")]
    Refused(String),
    /// The lab's directory, or a file in it, could not be created or read.
    #[error("could not prepare {path}: {source}")]
    Directory {
        /// Directory or file.
        path: PathBuf,
        /// Underlying error.
        source: std::io::Error,
    },
    /// Another lab holds the directory.
    #[error(
        "{directory} is held by another lab{}; stop that lab, or choose another directory with --dir",
        .holder.as_ref().map_or_else(String::new, |holder| format!(", {holder}"))
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// Lab that holds it. `None` if unknown.
        holder: Option<Holder>,
    },
    /// Other labs hold the directory and all its spares.
    #[error("{directory} and its {spares} spare directories are all held by other labs{}; wait until one of them ends", named(.others))]
    AllInUse {
        /// The first directory.
        directory: PathBuf,
        /// Number of spare directories.
        spares: u32,
        /// Labs that are up there.
        others: Vec<FoundLab>,
    },
    /// A box of an earlier lab in this directory is still running.
    #[error(
        "the {name} box of an earlier lab{} is still running after {} s; stop it, or choose another directory; its log is {log}",
        .pid.map_or_else(String::new, |pid| format!(", process {pid},")),
        .after.as_secs_f64()
    )]
    LeftBehind {
        /// Name of the box.
        name: String,
        /// Its process. `None` if unknown.
        pid: Option<u32>,
        /// Time waited for it to exit.
        after: Duration,
        /// Path of its log.
        log: PathBuf,
    },
    /// The program of a box could not be started.
    #[error("could not start {program} for the {name} box: {source}")]
    Start {
        /// Name of the box.
        name: String,
        /// The program.
        program: PathBuf,
        /// Underlying error.
        source: std::io::Error,
    },
    /// A box exited unexpectedly.
    #[error("the {name} box exited unexpectedly ({status}); {}", tail_of(.log, .tail))]
    Exited {
        /// Name of the box.
        name: String,
        /// Its exit status.
        status: ExitStatus,
        /// Path of its log.
        log: PathBuf,
        /// Last lines of its log.
        tail: String,
    },
    /// A box exceeded its memory allowance, and the kernel killed it.
    #[error(
        "the {name} box exceeded its {} MiB of memory and was killed by the kernel; give it more \
         with --box; {}",
        .memory_bytes / (1 << 20),
        tail_of(.log, .tail)
    )]
    OutOfMemory {
        /// Name of the box.
        name: String,
        /// Memory allowance, in bytes.
        memory_bytes: u64,
        /// Path of its log.
        log: PathBuf,
        /// Last lines of its log.
        tail: String,
    },
    /// A box did not become ready and was killed.
    #[error(transparent)]
    NotReady(Box<NotReady>),
    /// The ready file of a box is malformed.
    #[error("could not read the ready file {path} of the {name} box: {reason}")]
    ReadyFile {
        /// Name of the box.
        name: String,
        /// Path of the file.
        path: PathBuf,
        /// Reason of the failure.
        reason: String,
    },
    /// A box did not stop in time and was killed.
    #[error("the {name} box did not stop within {} s and was killed; {}", .after.as_secs_f64(), tail_of(.log, .tail))]
    Killed {
        /// Name of the box.
        name: String,
        /// Time limit.
        after: Duration,
        /// Path of its log.
        log: PathBuf,
        /// Last lines of its log.
        tail: String,
    },
}

/// A box that did not become ready.
#[derive(Debug, thiserror::Error)]
#[error(
    "the {name} box {waited}{}: {lacking}; {}",
    .progress.as_deref().map_or_else(String::new, |last| format!(" (at last: {last})")),
    tail_of(.log, .tail)
)]
pub struct NotReady {
    /// Name of the box.
    pub name: String,
    /// Missed condition and its time limit, such as "made no progress for 30 s".
    pub waited: String,
    /// Its last progress. `None` if it has shown none.
    pub progress: Option<String>,
    /// Missing condition of readiness.
    pub lacking: String,
    /// Path of its log.
    pub log: PathBuf,
    /// Last lines of its log.
    pub tail: String,
}

/// Names labs that are up elsewhere. Empty if there are none.
fn named(others: &[FoundLab]) -> String {
    if others.is_empty() {
        return String::new();
    }
    let named: Vec<String> = others
        .iter()
        .map(|other| format!("{} ({})", other.directory.display(), other.holder))
        .collect();
    format!("; labs are up in {}", named.join(", "))
}

fn tail_of(log: &std::path::Path, tail: &str) -> String {
    if tail.is_empty() {
        format!("its log, {}, is empty", log.display())
    } else {
        format!("the last lines of its log, {}:\n{tail}", log.display())
    }
}
