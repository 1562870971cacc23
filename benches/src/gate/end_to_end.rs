//! One gate, end to end: the released command, with real processes and restarts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tenfold_analysis::gate::GateOutcome;

use crate::gate::planted_build::PlantedBuild;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};
use crate::workshop::interrupt::Interrupted;

/// Time limit beyond the budget, for starting, stopping and profiling builds.
const OVERTIME_MAX: Duration = Duration::from_secs(120);

/// Time limit for an interrupted gate to stop its processes.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// The job of one gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GateJob<'a> {
    /// Baseline build.
    pub(crate) baseline: PlantedBuild,
    /// Candidate build.
    pub(crate) candidate: PlantedBuild,
    /// Budget for its rounds.
    pub(crate) budget: Duration,
    /// Seed of its requests.
    pub(crate) seed: u64,
    /// Calibration of this machine. `None` to run without one.
    pub(crate) calibration: Option<&'a Path>,
}

/// Runs one gate and returns its outcome, which may be any verdict.
///
/// # Errors
/// Returns an error with the last line of its log if it wrote no outcome.
pub(crate) fn run(job: &GateJob<'_>, workshop: &Workshop) -> anyhow::Result<GateOutcome> {
    let folder = workshop.folder("gate")?;
    let command = command(job, workshop, &folder)?;
    let mut child = Child::start("tenfold-gate", &command, &Confines::default(), &folder)?;
    let ended = match child.wait(job.budget + OVERTIME_MAX, workshop.interrupt()) {
        Ok(ended) => ended,
        Err(interrupted) => {
            child.stop(STOP_TIMEOUT);
            return Err(interrupted.into());
        }
    };
    if !ended {
        child.stop(STOP_TIMEOUT);
        bail!("the gate did not end within {OVERTIME_MAX:?} after its budget");
    }
    let status = child.end();
    let outcome: GateOutcome = serde_json::from_str(&child.output()).with_context(|| {
        format!(
            "could not read its outcome ({status}): {}",
            child.last_words()
        )
    })?;
    if outcome.verdict == tenfold_analysis::gate::Conclusion::Interrupted {
        // The signal interrupted both processes.
        workshop.interrupt().check()?;
        return Err(Interrupted.into());
    }
    Ok(outcome)
}

fn command(job: &GateJob<'_>, workshop: &Workshop, folder: &Path) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("could not find the path of this program")?;
    let mut command = Command::new(workshop.tenfold());
    // Settings in the environment are meant for other gates.
    for (name, _) in std::env::vars_os() {
        let is_own = |name: &str| name.starts_with("TENFOLD_") || name == "GITHUB_STEP_SUMMARY";
        if name.to_str().is_some_and(is_own) {
            command.env_remove(name);
        }
    }
    let nowhere: PathBuf = folder.join("no-calibration.json");
    command
        .current_dir(folder)
        .arg("gate")
        .arg(workshop.planted_scenario())
        .args(["--baseline", &job.baseline.command(&program)])
        .args(["--candidate", &job.candidate.command(&program)])
        .args(["--ready", "/items/0"])
        .args(["--budget", &format!("{}s", job.budget.as_secs())])
        .args(["--seed", &job.seed.to_string()])
        .arg("--calibration")
        .arg(job.calibration.unwrap_or(&nowhere))
        .arg("--out")
        .arg(folder.join("out"))
        .arg("--json");
    Ok(command)
}
