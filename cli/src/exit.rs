//! Exit codes, and how an error is told.

use std::io::Write;
use std::process::ExitCode;

use tenfold_analysis::{MeasurementVerdict, MergeError, SloVerdict, Summary};
use tenfold_gate::GateError;
use tenfold_lab::LabError;
use tenfold_loadgen::{CredentialsError, LoadError};
use tenfold_record::{FormatError, LogError, RecordError};
use tenfold_reports::export::ExportError;
use tenfold_run_dir::{Counts, RunDirError};
use tenfold_scenarios::ScenarioError;
use tenfold_server::{ServeError, TlsError};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked to.
    Met,
    /// An SLO was missed.
    SloMissed,
    /// It was interrupted.
    Interrupted,
    /// The measurement can't be trusted.
    Invalid,
    /// No objective was missed, but one could not be judged.
    Inconclusive,
    /// Something else went wrong, and was told.
    Failed,
    /// What a gate's verdict says.
    Code(u8),
}

impl Exit {
    /// How a run ended whose summary this is.
    ///
    /// What an invalid measurement says of the service counts for nothing, also where a rule has ended
    /// the run for it. An objective that could not be judged has not been met.
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

/// The exit code for bad configuration.
const BAD_CONFIGURATION: u8 = 104;

/// The exit code for a target that could not be reached, or a component that failed.
pub(crate) const TARGET_FAILED: u8 = 107;

/// Tells an error on standard error, and finds the exit code for it.
pub(crate) fn exit_code_of(done: anyhow::Result<Exit>) -> ExitCode {
    let code = match done {
        Ok(exit) => exit.code(),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", told(&error));
            code_of(&error)
        }
    };
    ExitCode::from(code)
}

/// The error and its causes in one line; a message that quotes its cause is not followed by it.
fn told(error: &anyhow::Error) -> String {
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
            || cause.is::<CredentialsError>()
            || cause.is::<Misuse>()
        {
            return BAD_CONFIGURATION;
        }
        if let Some(error) = cause.downcast_ref::<ServeError>() {
            return match error {
                ServeError::Tls(TlsError::Setup(_)) => TARGET_FAILED,
                ServeError::Tls(_) => BAD_CONFIGURATION,
                _ => TARGET_FAILED,
            };
        }
        if let Some(
            ExportError::Unknown { .. } | ExportError::NoFile { .. } | ExportError::Place { .. },
        ) = cause.downcast_ref::<ExportError>()
        {
            return BAD_CONFIGURATION;
        }
        if let Some(RunDirError::NotEmpty { .. }) = cause.downcast_ref::<RunDirError>() {
            return BAD_CONFIGURATION;
        }
        if let Some(error) = cause.downcast_ref::<LoadError>() {
            return code_of_load(error);
        }
        if let Some(error) = cause.downcast_ref::<GateError>() {
            return code_of_gate(error);
        }
        if let Some(error) = cause.downcast_ref::<LabError>() {
            return match error {
                LabError::UnknownStage { .. }
                | LabError::NotBuilt { .. }
                | LabError::UnknownRole { .. }
                | LabError::Uncountable { .. }
                | LabError::UnplainPath { .. }
                | LabError::UnknownBox { .. } => BAD_CONFIGURATION,
                LabError::Interrupted => Exit::Interrupted.code(),
                _ => TARGET_FAILED,
            };
        }
        if let Some(ended) = cause.downcast_ref::<Ended>() {
            return ended.code;
        }
    }
    Exit::Failed.code()
}

fn code_of_load(error: &LoadError) -> u8 {
    match error {
        LoadError::Target { .. }
        | LoadError::Configuration { .. }
        | LoadError::NoSuchJourney { .. } => BAD_CONFIGURATION,
        LoadError::Interrupted => Exit::Interrupted.code(),
        LoadError::Unreachable { .. } | LoadError::Disagreed { .. } | LoadError::SetUp { .. } => {
            TARGET_FAILED
        }
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
        _ => Exit::Failed.code(),
    }
}

/// A process of this program's own that ended, with what it told.
#[derive(Debug, thiserror::Error)]
#[error("{told}")]
pub(crate) struct Ended {
    /// Its exit code.
    pub(crate) code: u8,
    /// The last it told.
    pub(crate) told: String,
}

/// Flags that don't go together, or a value that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Misuse(pub(crate) String);

/// Tells what clap has to say: help and versions as they are, errors with the exit code for bad
/// configuration.
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
    fn a_cause_is_told_once() {
        let cause = std::io::Error::other("no space left");
        let error = anyhow::Error::new(RunDirError::Write {
            path: "run".into(),
            source: cause,
        });
        assert_eq!(told(&error), "could not write run: no space left");
        let error = anyhow::anyhow!("connection refused").context("could not reach it");
        assert_eq!(told(&error), "could not reach it: connection refused");
    }
}
