//! What can go wrong with a lab.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::program::MissingProgram;

/// A stage that could not be brought up, or did not stop as it should.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// There is no stage of that name.
    #[error("there is no stage `{name}`; {advice}")]
    UnknownStage {
        /// The name asked for.
        name: String,
        /// The nearest name, or all of them.
        advice: String,
    },
    /// The stage is known, but nothing brings it up yet.
    #[error("stage `{name}` is not built yet; the stages that are: {built}")]
    NotBuilt {
        /// The stage.
        name: &'static str,
        /// The stages that can be brought up.
        built: String,
    },
    /// A box is given an allowance that the stage does not have.
    #[error("stage `{stage}` has no box `{role}`; its boxes are {roles}")]
    UnknownRole {
        /// What it would be for.
        role: String,
        /// The stage.
        stage: &'static str,
        /// What its boxes are for.
        roles: String,
    },
    /// A role is to have several boxes, and can't.
    #[error(
        "stage `{stage}` has one box `{role}` or none; its roles that can have several: {countable}"
    )]
    Uncountable {
        /// The role.
        role: String,
        /// The stage.
        stage: &'static str,
        /// The roles of which there can be several.
        countable: String,
    },
    /// A box could not be held to its allowance.
    #[error("could not hold the {name} box to its allowance: {source}")]
    Confine {
        /// The box.
        name: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A program that a box is to run is not on this machine.
    #[error(transparent)]
    MissingProgram(#[from] MissingProgram),
    /// A path holds characters that settings of the programs would take for something else.
    #[error(
        "{path} can't be a lab's directory at this stage: its path may hold letters, digits and / . _ - + alone"
    )]
    UnplainPath {
        /// The path.
        path: PathBuf,
    },
    /// A network could not be made.
    #[error("could not make a network for the lab: {reason}")]
    Network {
        /// What went wrong.
        reason: String,
    },
    /// A box could not be given a certificate.
    #[error("could not make a certificate: {reason}")]
    Certificate {
        /// What went wrong.
        reason: String,
    },
    /// No port is free.
    #[error("could not find a free port on loopback: {source}")]
    NoPort {
        /// Why it failed.
        source: std::io::Error,
    },
    /// There is no box or zone of that name.
    #[error("there is no box or zone `{name}`; there are {there}")]
    UnknownBox {
        /// The name asked for.
        name: String,
        /// Those that there are.
        there: String,
    },
    /// No lab is up in the directory.
    #[error("no lab is up in {directory}; start one with `tenfold lab up`")]
    NotUp {
        /// The directory.
        directory: PathBuf,
    },
    /// A lab was asked something and did not answer.
    #[error("the lab in {directory} did not answer: {reason}")]
    NoAnswer {
        /// The directory.
        directory: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// Somebody did not wait for the boxes to be ready; none is left running.
    #[error("interrupted before every box was ready")]
    Interrupted,
    /// A lab refused what it was asked.
    #[error("{0}")]
    Refused(String),
    /// The lab's directory, or a file in it, could not be made or read.
    #[error("could not prepare {path}: {source}")]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another lab holds the directory.
    #[error(
        "{directory} is held by another lab{}; wait for it, stop it, or choose another directory",
        .pid.map_or_else(String::new, |pid| format!(", of process {pid}"))
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// The process that holds it; none where it did not say.
        pid: Option<u32>,
    },
    /// A box that an earlier lab left behind in this directory has not ended.
    #[error(
        "an earlier {name} box{} still runs in this directory after {} s; its log is {log}",
        .pid.map_or_else(String::new, |pid| format!(", process {pid},")),
        .after.as_secs_f64()
    )]
    LeftBehind {
        /// The box.
        name: String,
        /// Its process; none where it did not say.
        pid: Option<u32>,
        /// How long was waited for it.
        after: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// A box's program could not be started.
    #[error("could not start the {name} box, {program}: {source}")]
    Start {
        /// The box.
        name: String,
        /// The program.
        program: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A box ended by itself.
    #[error("the {name} box ended by itself ({status}); {}", tail_of(.log, .tail))]
    Exited {
        /// The box.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A box needed more memory than it may have, and the kernel killed it.
    #[error(
        "the {name} box needed more than its {} MiB of memory and was killed by the kernel; give it more \
         with --box; {}",
        .memory_bytes / (1 << 20),
        tail_of(.log, .tail)
    )]
    OutOfMemory {
        /// The box.
        name: String,
        /// The memory that it may have.
        memory_bytes: u64,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A box was not ready in time; it has been killed.
    #[error("the {name} box was not ready within {} s; {}", .after.as_secs_f64(), tail_of(.log, .tail))]
    NotReady {
        /// The box.
        name: String,
        /// How long was waited.
        after: Duration,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A box said that it was ready in a way that can't be read.
    #[error("the {name} box wrote {path}, which is not what says that it is ready: {reason}")]
    ReadyFile {
        /// The box.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A box did not stop when asked; it has been killed.
    #[error("the {name} box did not stop within {} s and was killed; {}", .after.as_secs_f64(), tail_of(.log, .tail))]
    Killed {
        /// The box.
        name: String,
        /// How long was waited.
        after: Duration,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
}

fn tail_of(log: &std::path::Path, tail: &str) -> String {
    if tail.is_empty() {
        format!("its log, {}, is empty", log.display())
    } else {
        format!("the last lines of its log, {}:\n{tail}", log.display())
    }
}
