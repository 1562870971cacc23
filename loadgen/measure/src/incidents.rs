//! Alerts that fired during a run: `incidents.json`.

use std::time::SystemTime;

use tenfold_lab::LabStatus;
use tenfold_run_dir::incident::Incident;
use tenfold_run_dir::{RunDir, RunDirError};

use crate::scaling::unix_ms;

/// Writes the alerts of a lab's log that fired since the clock of the run read zero. Writes nothing for a stage that nothing
/// watches.
pub(crate) fn write(
    run_dir: &RunDir,
    before: &LabStatus,
    log: &str,
    started: SystemTime,
) -> Result<(), RunDirError> {
    match &before.watching {
        Some(_) => run_dir.write_incidents(&Incident::of_log(log, unix_ms(started))),
        None => Ok(()),
    }
}
