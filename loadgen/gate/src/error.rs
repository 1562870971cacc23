//! Why a gate could not be run.

use std::path::PathBuf;

use tenfold_analysis::gate::PlanError;
use tenfold_loadgen::LoadError;
use tenfold_probe::ProbeError;
use tenfold_run_dir::RunDirError;
use tenfold_scenarios::ScenarioError;
use thiserror::Error;

/// Why a gate could not be run. What a build does wrong is no error but a verdict.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// A text names nothing that can be compared.
    #[error(
        "could not tell what `{text}` is; give a command with {{port}} in it, a git revision of this \
         repository, a directory with the sources, or the URL of a service that is up"
    )]
    NoSubject {
        /// The text.
        text: String,
    },
    /// A revision or a directory is to be started, and nobody said how.
    #[error(
        "could not start {subject}: nobody said how; give --start with the command that does, such as \
         --start 'target/release/app --port {{port}}'"
    )]
    NoStart {
        /// What is to be started.
        subject: String,
    },
    /// `{port}` is missing from the start command.
    #[error("could not use `{command}` to start a build: it has no {{port}} in it")]
    NoPort {
        /// The command.
        command: String,
    },
    /// The two can't be compared with each other.
    #[error("could not compare {baseline} with {candidate}: {reason}")]
    Unlike {
        /// The baseline.
        baseline: String,
        /// The candidate.
        candidate: String,
        /// Why.
        reason: String,
    },
    /// A build could not be made.
    #[error("could not build {subject}: `{command}` {reason}\n{log}")]
    NotBuilt {
        /// What was to be built.
        subject: String,
        /// With which command.
        command: String,
        /// What became of that, as `ended with exit code 1`.
        reason: String,
        /// The last lines of its output.
        log: String,
    },
    /// A build did not start.
    #[error("could not start `{command}`: {reason}\n{log}")]
    NotStarted {
        /// The command.
        command: String,
        /// Why.
        reason: String,
        /// The last lines of its output.
        log: String,
    },
    /// Git refused.
    #[error("could not {action}: {reason}")]
    Git {
        /// What was tried.
        action: String,
        /// What git said.
        reason: String,
    },
    /// The time is too short for a single decision.
    #[error(
        "could not gate within {budget_s:.0} s: restarts and warm-up leave room for {rounds} rounds, and \
         {least} are needed to tell anything; give a longer --budget"
    )]
    TooShort {
        /// The budget, in seconds.
        budget_s: f64,
        /// The rounds there is room for.
        rounds: usize,
        /// The rounds it takes.
        least: usize,
    },
    /// A calibration could not be used.
    #[error("could not use the calibration at {path}: {reason}; make one with --calibrate")]
    Calibration {
        /// Its file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The scenario has no rate.
    #[error(
        "could not gate with scenario {scenario}: it has no rate of its own; use one of the open model, or \
         give --rate"
    )]
    NoRate {
        /// The scenario's name.
        scenario: String,
    },
    /// The directory has something in it.
    #[error("could not keep a gate at {path}: it is not empty; give another with --out")]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// There is no profile of a build.
    #[error("could not profile both builds: {reason}")]
    NoProfile {
        /// Why.
        reason: String,
    },
    /// It was interrupted.
    #[error("interrupted before anything was decided")]
    Interrupted,
    /// The system refused.
    #[error("could not {action} {what}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// On what.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The plan can't hold what is asked.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The load could not be sent.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The scenario can't be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The record could not be written or read.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// Something could not be captured.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}
