//! Exit codes and error messages.

use std::io::Write;
use std::process::ExitCode;

use tenfold_analysis::{MeasurementVerdict, MergeError, SloVerdict, Summary};
use tenfold_gate::GateError;
use tenfold_init::InitError;
use tenfold_lab::LabError;
use tenfold_loadgen::{CredentialsError, LoadError};
use tenfold_measure::MeasureError;
use tenfold_probe::ProbeError;
use tenfold_record::{FormatError, LogError, RecordError};
use tenfold_reports::export::ExportError;
use tenfold_run_dir::{Counts, RunDirError};
use tenfold_scenarios::ScenarioError;
use tenfold_server::{ServeError, TlsError};

/// Result of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command succeeded, and every objective was met.
    Met,
    /// An objective was missed, or a rule aborted the run.
    SloMissed,
    /// The command was interrupted.
    Interrupted,
    /// The measurement can't be trusted.
    Invalid,
    /// No objective was missed, but at least one could not be judged.
    Inconclusive,
    /// Something else failed.
    Failed,
    /// Exit code of a gate's verdict.
    Code(u8),
}

impl Exit {
    /// Returns the exit of a run.
    ///
    /// An invalid measurement says nothing about the service, even if a rule aborted the run. An objective
    /// that could not be judged was not met.
    pub(crate) fn of(summary: &Summary, counts: &Counts) -> Self {
        if counts.interrupted.is_some() && counts.aborted.is_none() {
            return Exit::Interrupted;
        }
        match (summary.verdict.measurement, summary.verdict.slo) {
            (MeasurementVerdict::Invalid, _) => Exit::Invalid,
            _ if counts.aborted.is_some() => Exit::SloMissed,
            (_, SloVerdict::Missed) => Exit::SloMissed,
            (_, SloVerdict::NotJudged) if !summary.rules.is_empty() => Exit::Inconclusive,
            (_, SloVerdict::Met | SloVerdict::NotJudged) => Exit::Met,
        }
    }

    fn code(self) -> u8 {
        match self {
            Exit::Met => 0,
            Exit::Failed => 1,
            Exit::SloMissed => 99,
            Exit::Interrupted => 105,
            Exit::Invalid => 120,
            Exit::Inconclusive => 121,
            Exit::Code(code) => code,
        }
    }
}

/// Every exit code and its meaning, for the manual.
pub(crate) const EXIT_STATUS: [(u8, &str); 8] = [
    (
        0,
        "All objectives met, or none set, and the measurement is not invalid.",
    ),
    (1, "Another failure; the message says which."),
    (
        99,
        "An objective was missed, every request failed, or a gate failed.",
    ),
    (
        BAD_CONFIGURATION,
        "Bad configuration: a flag, a scenario, a log.",
    ),
    (105, "Interrupted; the measurements up to then are kept."),
    (
        TARGET_FAILED,
        "The target could not be reached, or a component failed.",
    ),
    (
        120,
        "The measurement is invalid: the generator, its machine or the disk of the run directory failed.",
    ),
    (
        121,
        "Inconclusive: no objective was missed, but one could not be judged; or a gate showed neither a slowdown \
         nor its absence.",
    ),
];

/// Exit code for bad configuration.
const BAD_CONFIGURATION: u8 = 104;

/// Exit code for a target that could not be reached, or a component that failed.
pub(crate) const TARGET_FAILED: u8 = 107;

/// Prints an error on standard error, and returns its exit code.
pub(crate) fn exit_code_of(done: anyhow::Result<Exit>) -> ExitCode {
    let code = match done {
        Ok(exit) => exit.code(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", message(&error));
            code_of(&error)
        }
    };
    ExitCode::from(code)
}

/// Joins an error and its causes into one line. A cause that the line already quotes is left out.
fn message(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

fn code_of(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.is::<ScenarioError>()
            || cause.is::<LogError>()
            || cause.is::<FormatError>()
            || cause.is::<RecordError>()
            || cause.is::<MergeError>()
            || cause.is::<InitError>()
            || cause.is::<CredentialsError>()
            || cause.is::<UsageError>()
        {
            return BAD_CONFIGURATION;
        }
        if let Some(error) = cause.downcast_ref::<ServeError>() {
            return match error {
                ServeError::Tls(TlsError::Setup(_)) => TARGET_FAILED,
                ServeError::Tls(_)
                | ServeError::WorkerWithoutQueue
                | ServeError::ErrorReports(_)
                | ServeError::FeedsWithoutQueue
                | ServeError::FeedsWithWarehouse => BAD_CONFIGURATION,
                _ => TARGET_FAILED,
            };
        }
        if let Some(
            ExportError::Unknown { .. } | ExportError::NoFile { .. } | ExportError::Place { .. },
        ) = cause.downcast_ref::<ExportError>()
        {
            return BAD_CONFIGURATION;
        }
        match cause.downcast_ref::<RunDirError>() {
            Some(RunDirError::NotEmpty { .. }) => return BAD_CONFIGURATION,
            // The disk of the run directory failed.
            Some(RunDirError::Write { .. }) => return Exit::Invalid.code(),
            _ => {}
        }
        if let Some(error) = cause.downcast_ref::<LoadError>() {
            return code_of_load(error);
        }
        if let Some(error) = cause.downcast_ref::<MeasureError>() {
            return code_of_measure(error);
        }
        if let Some(error) = cause.downcast_ref::<GateError>() {
            return code_of_gate(error);
        }
        if let Some(error) = cause.downcast_ref::<LabError>() {
            return match error {
                LabError::UnknownStage { .. }
                | LabError::UnknownRole { .. }
                | LabError::Uncountable { .. }
                | LabError::NotOptional { .. }
                | LabError::Policy(_)
                | LabError::UnplainPath { .. }
                | LabError::UnknownBox { .. } => BAD_CONFIGURATION,
                LabError::Interrupted => Exit::Interrupted.code(),
                _ => TARGET_FAILED,
            };
        }
        if cause.is::<QueueUnreachable>() || cause.is::<FeedsUnreachable>() {
            return TARGET_FAILED;
        }
        if let Some(child) = cause.downcast_ref::<ChildFailed>() {
            return child.code;
        }
    }
    Exit::Failed.code()
}

fn code_of_load(error: &LoadError) -> u8 {
    match error {
        LoadError::Target { .. }
        | LoadError::Configuration { .. }
        | LoadError::Scenario(_)
        | LoadError::NoSuchJourney { .. } => BAD_CONFIGURATION,
        LoadError::Interrupted => Exit::Interrupted.code(),
        // The generator's machine is the cause.
        LoadError::Shortage { .. } | LoadError::RunDir(RunDirError::Write { .. }) => {
            Exit::Invalid.code()
        }
        LoadError::Unreachable { .. } | LoadError::Disagreed { .. } | LoadError::SetUp { .. } => {
            TARGET_FAILED
        }
        _ => Exit::Failed.code(),
    }
}

/// Returns the exit code of a run that could not be measured.
pub(crate) fn code_of_measure(error: &MeasureError) -> u8 {
    match error {
        MeasureError::TooManyUsers { .. }
        | MeasureError::TooManyGenerators { .. }
        | MeasureError::OneGenerator { .. }
        | MeasureError::OtherVersion { .. }
        | MeasureError::Scenario(_) => BAD_CONFIGURATION,
        // The generator is this program.
        MeasureError::Generator { code, .. } => code.unwrap_or(Exit::Failed.code()),
        MeasureError::Load(error) => code_of_load(error),
        MeasureError::RunDir(RunDirError::NotEmpty { .. }) => BAD_CONFIGURATION,
        MeasureError::RunDir(RunDirError::Write { .. }) => Exit::Invalid.code(),
        _ => Exit::Failed.code(),
    }
}

fn code_of_gate(error: &GateError) -> u8 {
    match error {
        GateError::NoSubject { .. }
        | GateError::NoStart { .. }
        | GateError::NoPort { .. }
        | GateError::TooShort { .. }
        | GateError::Calibration { .. }
        | GateError::NoRate { .. }
        | GateError::NotEmpty { .. }
        | GateError::Plan(_)
        | GateError::Scenario(_) => BAD_CONFIGURATION,
        GateError::Interrupted => Exit::Interrupted.code(),
        GateError::NotBuilt { .. } | GateError::NotStarted { .. } | GateError::Git { .. } => {
            TARGET_FAILED
        }
        GateError::Load(error) => code_of_load(error),
        GateError::Measure(error) => code_of_measure(error),
        _ => Exit::Failed.code(),
    }
}

/// A queue that could not be shown or changed.
#[derive(Debug, thiserror::Error)]
#[error("could not use the queue: {0}")]
pub(crate) struct QueueUnreachable(#[from] pub(crate) ProbeError);

/// Written feeds that could not be shown or checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedsUnreachable {
    /// The service did not answer as it should.
    #[error("could not use the written feeds: {0}")]
    Probe(#[from] ProbeError),
    /// Nobody works on the check.
    #[error("no worker has checked a user for {} s; is one running?", .0.as_secs())]
    Silent(std::time::Duration),
}

/// A child process of this program that failed, or agents of it on other machines.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ChildFailed {
    /// Exit code of this process.
    pub(crate) code: u8,
    /// Error message.
    pub(crate) message: String,
}

/// Flags that contradict each other, or a value without meaning.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Prints clap's message. Errors exit with the code for bad configuration, help and version with 0.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(BAD_CONFIGURATION)
    } else {
        ExitCode::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_quotes_each_cause_once() {
        let cause = std::io::Error::other("no space left");
        let error = anyhow::Error::new(RunDirError::Write {
            path: "run".into(),
            source: cause,
        });
        assert_eq!(message(&error), "could not write run: no space left");
        let error = anyhow::anyhow!("connection refused").context("could not reach it");
        assert_eq!(message(&error), "could not reach it: connection refused");
    }
}
