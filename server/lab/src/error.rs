//! What can go wrong with a lab.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

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
        "an earlier {role} box{} still runs in this directory after {} s; its log is {log}",
        .pid.map_or_else(String::new, |pid| format!(", process {pid},")),
        .after.as_secs_f64()
    )]
    LeftBehind {
        /// What the box is for.
        role: String,
        /// Its process; none where it did not say.
        pid: Option<u32>,
        /// How long was waited for it.
        after: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// A box's program could not be started.
    #[error("could not start the {role} box, {program}: {source}")]
    Start {
        /// What the box is for.
        role: String,
        /// The program.
        program: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A box ended by itself.
    #[error("the {role} box ended by itself ({status}); {}", tail_of(.log, .tail))]
    Exited {
        /// What the box is for.
        role: String,
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A box was not ready in time; it has been killed.
    #[error("the {role} box was not ready within {} s; {}", .after.as_secs_f64(), tail_of(.log, .tail))]
    NotReady {
        /// What the box is for.
        role: String,
        /// How long was waited.
        after: Duration,
        /// Its log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A box said that it was ready in a way that can't be read.
    #[error("the {role} box wrote {path}, which is not what says that it is ready: {reason}")]
    ReadyFile {
        /// What the box is for.
        role: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A box did not stop when asked; it has been killed.
    #[error("the {role} box did not stop within {} s and was killed; {}", .after.as_secs_f64(), tail_of(.log, .tail))]
    Killed {
        /// What the box is for.
        role: String,
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
