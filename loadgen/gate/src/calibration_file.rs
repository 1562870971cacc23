//! Result of a calibration, stored for later gates.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::Calibration;
use tenfold_scenarios::{Rate, Scenario};

use crate::GateError;

/// Version of the file format.
const VERSION: u32 = 1;

/// Largest ratio of two rates that count as the same load.
const RATE_RATIO_MAX: f64 = 1.25;

/// Settings that a gate and its calibration must share, besides scenario, rate and machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SharedSettings {
    /// Length of a round.
    pub(crate) round: Duration,
    /// Rounds between restarts.
    pub(crate) rounds_per_epoch: usize,
    /// Time for all rounds and restarts.
    pub(crate) budget: Duration,
    /// Smallest slowdown to find, as a fraction: 0.05 for 5%.
    pub(crate) min_effect: f64,
}

/// Result of a calibration, and the settings it applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationFile {
    /// Version of the file format.
    pub version: u32,
    /// Machine that was calibrated.
    pub machine: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Requests per second, of both builds together.
    pub rate_per_s: f64,
    /// Length of a round, in seconds.
    pub round_s: f64,
    /// Rounds between restarts.
    pub rounds_per_epoch: usize,
    /// Budget of the calibration, in seconds.
    pub budget_s: f64,
    /// Smallest slowdown to find, as a fraction.
    pub min_effect: f64,
    /// Result of the calibration.
    pub calibration: Calibration,
}

impl CalibrationFile {
    pub(crate) fn new(
        machine: String,
        scenario: &Scenario,
        rate: Rate,
        shared: SharedSettings,
        calibration: Calibration,
    ) -> Self {
        Self {
            version: VERSION,
            machine,
            scenario: scenario.name.clone(),
            rate_per_s: rate.per_second(),
            round_s: shared.round.as_secs_f64(),
            rounds_per_epoch: shared.rounds_per_epoch,
            budget_s: shared.budget.as_secs_f64(),
            min_effect: shared.min_effect,
            calibration,
        }
    }

    /// Reads a calibration. `None` if the file does not exist.
    ///
    /// # Errors
    /// Fails if the file can't be read, or is not a calibration of this version.
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
            return Err(refuse(format!(
                "its version is {}, not {VERSION}",
                file.version
            )));
        }
        Ok(Some(file))
    }

    /// Writes the calibration, replacing an older one.
    ///
    /// # Errors
    /// Fails if the file can't be written.
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

    /// Returns the reason why the calibration does not apply to a gate. `None` if it applies.
    pub(crate) fn mismatch(
        &self,
        machine: &str,
        scenario: &Scenario,
        rate: Rate,
        shared: SharedSettings,
    ) -> Option<String> {
        if self.machine != machine {
            return Some(format!(
                "it was made on {}, but this machine is {machine}",
                self.machine
            ));
        }
        if self.scenario != scenario.name {
            return Some(format!("it is for scenario {}", self.scenario));
        }
        // They decide which metrics can be gated.
        let settings = [
            ("rounds of", self.round_s, shared.round.as_secs_f64(), "s"),
            (
                "restarts every",
                self.rounds_per_epoch as f64,
                shared.rounds_per_epoch as f64,
                "rounds",
            ),
            (
                "a budget of",
                self.budget_s,
                shared.budget.as_secs_f64(),
                "s",
            ),
            (
                "a --min-effect of",
                self.min_effect * 100.0,
                shared.min_effect * 100.0,
                "%",
            ),
        ];
        for (what, own, requested, unit) in settings {
            if (own - requested).abs() > 1e-9 {
                return Some(format!(
                    "it is for {what} {own} {unit}, but this gate has {requested} {unit}"
                ));
            }
        }
        let ratio = self.rate_per_s / rate.per_second();
        (!(1.0 / RATE_RATIO_MAX..=RATE_RATIO_MAX).contains(&ratio)).then(|| {
            format!(
                "it is for {:.0}/s, but this gate sends {:.0}/s",
                self.rate_per_s,
                rate.per_second()
            )
        })
    }
}
