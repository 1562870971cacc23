//! One gate, end to end: the released command, real processes, real restarts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tenfold_analysis::gate::GateOutcome;

use crate::gate::planted_build::PlantedBuild;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};
use crate::workshop::interrupt::Interrupted;

/// What a gate may take beyond its budget: it starts and stops builds, and profiles those that fail.
const BEYOND: Duration = Duration::from_secs(120);

/// How long an interrupted gate may take to stop what it has started.
const TO_STOP: Duration = Duration::from_secs(15);

/// What one gate is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GateJob<'a> {
    /// The build that is known.
    pub(crate) baseline: PlantedBuild,
    /// The build that is judged.
    pub(crate) candidate: PlantedBuild,
    /// The time for its rounds.
    pub(crate) budget: Duration,
    /// The seed of its requests.
    pub(crate) seed: u64,
    /// A calibration of this machine; none to gate without one.
    pub(crate) calibration: Option<&'a Path>,
}

/// Runs one gate and returns what came of it, whatever that is.
///
/// # Errors
/// Where it wrote no outcome, with its last words.
pub(crate) fn run(job: &GateJob<'_>, workshop: &Workshop) -> anyhow::Result<GateOutcome> {
    let folder = workshop.folder("gate")?;
    let command = command(job, workshop, &folder)?;
    let mut child = Child::start("tenfold-gate", &command, &Confines::default(), &folder)?;
    let ended = match child.wait(job.budget + BEYOND, workshop.interrupt()) {
        Ok(ended) => ended,
        Err(interrupted) => {
            child.stop(TO_STOP);
            return Err(interrupted.into());
        }
    };
    if !ended {
        child.stop(TO_STOP);
        bail!("it did not end within {:?} of its budget", BEYOND);
    }
    let status = child.end();
    let outcome: GateOutcome = serde_json::from_str(&child.output())
        .with_context(|| format!("it told no outcome ({status}): {}", child.last_words()))?;
    if outcome.verdict == tenfold_analysis::gate::Conclusion::Interrupted {
        // A signal that went to both: it is not the gate's.
        workshop.interrupt().check()?;
        return Err(Interrupted.into());
    }
    Ok(outcome)
}

fn command(job: &GateJob<'_>, workshop: &Workshop, folder: &Path) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("could not find this program")?;
    let mut command = Command::new(workshop.tenfold());
    // What is set for other gates is not for these.
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
