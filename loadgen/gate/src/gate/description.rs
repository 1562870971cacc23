//! Description of a gate: its start, builds, settings and machine.

use std::time::Instant;

use tenfold_analysis::gate::{BadDay, Build, GateOutcome, Pair, Side};
use tenfold_secret::masked_text;

use crate::GateError;
use crate::options::Options;

/// Start of a gate.
pub(super) struct Start {
    /// Time in RFC 3339, UTC.
    pub(super) at: String,
    pub(super) instant: Instant,
}

/// Returns an outcome with everything that is known before anything is measured.
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
        tool: tenfold_measure::tool(),
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

/// Returns the machine's processors, as outcomes and calibrations name them.
pub(crate) fn machine() -> String {
    let host = tenfold_probe::host::describe();
    format!("{} x {}", host.cores, host.cpu)
}

/// Turns a failed build into a bad day; any other error stays an error.
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
