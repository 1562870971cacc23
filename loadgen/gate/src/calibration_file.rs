//! What a calibration found, kept from one gate to the next.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::Calibration;
use tenfold_scenarios::{Rate, Scenario};

use crate::GateError;

/// The version of the file's shape.
const VERSION: u32 = 1;

/// Rates further apart than this factor are not of the same load.
const SAME_RATE: f64 = 1.25;

/// What of a gate its calibration has to have in common with it, beside scenario, rate and machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    /// The length of a round.
    pub(crate) round: Duration,
    /// Rounds from one restart to the next.
    pub(crate) rounds_per_epoch: usize,
    /// The time for all of them.
    pub(crate) budget: Duration,
    /// The slowdown that the gate is for, as a ratio less one.
    pub(crate) min_effect: f64,
}

/// What a calibration found, and what it holds for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFile {
    /// The version of this shape.
    pub version: u32,
    /// The machine it was made on.
    pub machine: String,
    /// The scenario's name.
    pub scenario: String,
    /// Requests per second, of both builds together.
    pub rate_per_s: f64,
    /// The length of a round, in seconds.
    pub round_s: f64,
    /// Rounds from one restart to the next.
    pub rounds_per_epoch: usize,
    /// The budget that it took, in seconds.
    pub budget_s: f64,
    /// The slowdown that it was for, as a ratio less one.
    pub min_effect: f64,
    /// What it found.
    pub calibration: Calibration,
}

impl CalibrationFile {
    pub(crate) fn new(
        machine: String,
        scenario: &Scenario,
        rate: Rate,
        held: Held,
        calibration: Calibration,
    ) -> Self {
        Self {
            version: VERSION,
            machine,
            scenario: scenario.name.clone(),
            rate_per_s: rate.per_second(),
            round_s: held.round.as_secs_f64(),
            rounds_per_epoch: held.rounds_per_epoch,
            budget_s: held.budget.as_secs_f64(),
            min_effect: held.min_effect,
            calibration,
        }
    }

    /// Reads one from a file; none where there is no such file.
    ///
    /// # Errors
    /// Where it can't be read, or is no calibration of this version.
    pub fn read(path: &Path) -> Result<Option<Self>, GateError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(GateError::System {
                    action: "read",
                    what: path.display().to_string(),
                    source,
                });
            }
        };
        let refuse = |reason: String| GateError::Calibration {
            path: path.to_owned(),
            reason,
        };
        let file: Self = serde_json::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        if file.version != VERSION {
            return Err(refuse(format!("it has version {}", file.version)));
        }
        Ok(Some(file))
    }

    /// Writes it, in place of an older one.
    ///
    /// # Errors
    /// Where it can't be written.
    pub fn write(&self, path: &Path) -> Result<(), GateError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|source| GateError::System {
                action: "write",
                what: parent.display().to_string(),
                source,
            })?;
        }
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        tenfold_run_dir::write_atomic(path, text.as_bytes()).map_err(|source| GateError::System {
            action: "write",
            what: path.display().to_string(),
            source,
        })
    }

    /// Says why it does not hold for a gate, where it doesn't.
    pub(crate) fn objection(
        &self,
        machine: &str,
        scenario: &Scenario,
        rate: Rate,
        held: Held,
    ) -> Option<String> {
        if self.machine != machine {
            return Some(format!(
                "it was made on {}, and this is {machine}",
                self.machine
            ));
        }
        if self.scenario != scenario.name {
            return Some(format!("it is of scenario {}", self.scenario));
        }
        // Which metrics can be gated was told for these.
        let other = [
            ("rounds of", self.round_s, held.round.as_secs_f64(), "s"),
            (
                "restarts every",
                self.rounds_per_epoch as f64,
                held.rounds_per_epoch as f64,
                "rounds",
            ),
            ("a budget of", self.budget_s, held.budget.as_secs_f64(), "s"),
            (
                "a --min-effect of",
                self.min_effect * 100.0,
                held.min_effect * 100.0,
                "%",
            ),
        ];
        for (what, own, asked, unit) in other {
            if (own - asked).abs() > 1e-9 {
                return Some(format!(
                    "it is for {what} {own} {unit}, and this gate has {asked} {unit}"
                ));
            }
        }
        let ratio = self.rate_per_s / rate.per_second();
        (!(1.0 / SAME_RATE..=SAME_RATE).contains(&ratio)).then(|| {
            format!(
                "it is of {:.0}/s, and this gate sends {:.0}/s",
                self.rate_per_s,
                rate.per_second()
            )
        })
    }
}
