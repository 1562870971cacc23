//! Errors of a gate.

use std::path::PathBuf;

use tenfold_analysis::gate::PlanError;
use tenfold_loadgen::LoadError;
use tenfold_measure::MeasureError;
use tenfold_probe::ProbeError;
use tenfold_run_dir::RunDirError;
use tenfold_scenarios::ScenarioError;
use thiserror::Error;

/// Reason why a gate could not be run. A fault of a build is a verdict, not an error.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GateError {
    /// The text names nothing that can be compared.
    #[error(
        "could not find the build `{text}`; give a command that contains {{port}}, a git revision of this \
         repository, a directory with sources, or the URL of a running service"
    )]
    NoSubject {
        /// Text given as a build.
        text: String,
    },
    /// The command that starts a revision or a directory is missing.
    #[error(
        "could not start {subject} without a command; give one with --start, such as \
         --start 'target/release/app --port {{port}}'"
    )]
    NoStart {
        /// Build to start.
        subject: String,
    },
    /// The start command lacks `{port}`.
    #[error("could not use `{command}` to start a service: it does not contain {{port}}")]
    NoPort {
        /// Command.
        command: String,
    },
    /// A build command failed.
    #[error("could not build {subject}: `{command}` {reason}\n{log}")]
    NotBuilt {
        /// Subject of the build.
        subject: String,
        /// Build command.
        command: String,
        /// Result of the command, such as `ended with exit code 1`.
        reason: String,
        /// Last lines of its output.
        log: String,
    },
    /// A build did not become ready.
    #[error("could not start `{command}`: {reason}\n{log}")]
    NotStarted {
        /// Command.
        command: String,
        /// Reason.
        reason: String,
        /// Last lines of its output.
        log: String,
    },
    /// Git failed.
    #[error("could not {action}: {reason}")]
    Git {
        /// Attempted action.
        action: String,
        /// Error message of git.
        reason: String,
    },
    /// The budget is too short for a decision.
    #[error(
        "could not gate within {budget_s:.0} s: restarts and warm-up leave room for {rounds} rounds, but \
         {least} are needed for a decision; give a longer --budget"
    )]
    TooShort {
        /// Budget, in seconds.
        budget_s: f64,
        /// Rounds within the budget.
        rounds: usize,
        /// Rounds needed.
        least: usize,
    },
    /// The calibration file can't be used.
    #[error("could not use the calibration {path}: {reason}; create a new one with --calibrate")]
    Calibration {
        /// Calibration file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The scenario has no rate.
    #[error(
        "could not gate with scenario {scenario}: it has no rate; use a scenario of the open model, or give \
         --rate"
    )]
    NoRate {
        /// Name of the scenario.
        scenario: String,
    },
    /// The output directory is not empty.
    #[error(
        "could not write the gate to {path}: the directory is not empty; choose another with --out"
    )]
    NotEmpty {
        /// Directory.
        path: PathBuf,
    },
    /// A build could not be profiled.
    #[error("could not profile both builds: {reason}")]
    NoProfile {
        /// Reason.
        reason: String,
    },
    /// The gate was interrupted.
    #[error("interrupted before a decision")]
    Interrupted,
    /// A system call failed.
    #[error("could not {action} {what}: {source}")]
    System {
        /// Attempted action.
        action: &'static str,
        /// Object of the action.
        what: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The settings allow no valid plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The load could not be sent.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The scenario can't be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A run directory could not be written or read.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    /// A run could not be measured.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// The probe failed.
    #[error(transparent)]
    Probe(#[from] ProbeError),
}
