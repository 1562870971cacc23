//! What of a gate is known beside its rounds: when it began, of what, on what machine.

use std::time::Instant;

use tenfold_analysis::gate::{BadDay, Build, GateOutcome, Pair, Side};
use tenfold_secret::masked_text;

use crate::GateError;
use crate::options::Options;

/// When a gate began.
pub(super) struct Start {
    /// RFC 3339 in UTC.
    pub(super) at: String,
    pub(super) instant: Instant,
}

/// What of an outcome is known before anything was measured.
pub(super) fn described(
    options: &Options<'_>,
    start: &Start,
    commands: &Pair<Option<String>>,
    starts: &Pair<u32>,
) -> GateOutcome {
    let build = |side: Side| {
        let subject = options.subject(side);
        Build {
            label: masked_text(&subject.to_string()).into_owned(),
            given: masked_text(&subject.to_string()).into_owned(),
            revision: subject.revision(),
            command: commands
                .of(side)
                .as_deref()
                .map(|command| masked_text(command).into_owned()),
            starts: *starts.of(side),
        }
    };
    GateOutcome {
        tool: options.tool.clone(),
        started_at: start.at.clone(),
        elapsed_s: start.instant.elapsed().as_secs_f64(),
        scenario: options.scenario.name.clone(),
        builds: Pair {
            baseline: build(Side::Baseline),
            candidate: build(Side::Candidate),
        },
        seed: options.scenario.seed,
        machine: machine(),
        settings: options.settings.clone(),
        advisory: options.advisory,
        ..GateOutcome::default()
    }
}

/// The processors, as an outcome and a calibration name them.
pub(super) fn machine() -> String {
    let host = tenfold_probe::host::describe();
    format!("{} x {}", host.cores, host.cpu)
}

/// A build that could not be made is one that did not start; all else is an error still.
pub(super) fn not_built(side: Side, error: GateError) -> Result<BadDay, GateError> {
    match error {
        GateError::NotBuilt {
            command,
            reason,
            log,
            ..
        } => Ok(BadDay::DidNotStart {
            side,
            reason: masked_text(&format!("`{command}` {reason}")).into_owned(),
            last_lines: log
                .lines()
                .map(|line| masked_text(line).into_owned())
                .collect(),
        }),
        error => Err(error),
    }
}
