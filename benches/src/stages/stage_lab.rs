//! A stage that is up for the benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tenfold_lab::{BoxStatus, LabStatus};

use super::Variant;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

/// How long a stage may take to be up, or to stop.
const PATIENCE: Duration = Duration::from_secs(150);

/// A stage that is up in the background; taken down when dropped.
pub(crate) struct StageLab<'a> {
    workshop: &'a Workshop,
    folder: PathBuf,
    ready_s: f64,
    url: String,
    ca: Option<String>,
    is_up: bool,
}

impl<'a> StageLab<'a> {
    /// Brings a stage up in a folder, whose data it uses where there is some.
    pub(crate) fn up(
        variant: Variant,
        box_cpu: f64,
        folder: &Path,
        workshop: &'a Workshop,
    ) -> anyhow::Result<Self> {
        let mut own = Self {
            workshop,
            folder: folder.to_owned(),
            ready_s: 0.0,
            url: String::new(),
            ca: None,
            is_up: true,
        };
        let mut arguments = vec!["lab", "up", "--detach", "--json", "--stage", variant.stage];
        if variant.tuned {
            arguments.push("--tuned");
        }
        let boxes: Vec<String> = tenfold_lab::stage::find(variant.stage)?
            .roles
            .iter()
            .map(|role| format!("{role}={box_cpu}"))
            .collect();
        for own in &boxes {
            arguments.extend(["--box", own]);
        }
        let began = Instant::now();
        let told = own.tenfold("up", &arguments, PATIENCE)?;
        own.ready_s = began.elapsed().as_secs_f64();
        let status = status(&told)?;
        if let Some(reason) = status.unconfined_because {
            bail!("boxes can't be confined here, so none has a size: {reason}");
        }
        let entrance = status.entrance.context("it has no entrance")?;
        own.url = entrance.url;
        own.ca = entrance.ca.map(|ca| ca.to_string_lossy().into_owned());
        Ok(own)
    }

    /// How long it took to be up, in seconds.
    pub(crate) fn ready_s(&self) -> f64 {
        self.ready_s
    }

    /// What its boxes have used.
    pub(crate) fn boxes(&self) -> anyhow::Result<Vec<BoxStatus>> {
        let told = self.tenfold("status", &["lab", "status", "--json"], PATIENCE)?;
        Ok(status(&told)?.boxes)
    }

    /// Sends a scenario to it; returns the summary.
    pub(crate) fn send(
        &self,
        scenario: &Path,
        rate: u32,
        duration: Duration,
    ) -> anyhow::Result<Value> {
        let scenario = scenario.to_string_lossy();
        let (rate, seconds) = (format!("{rate}/s"), format!("{}s", duration.as_secs()));
        let mut arguments = vec!["run", &*scenario, "--target", &self.url];
        arguments.extend(["--rate", &rate, "-d", &seconds]);
        arguments.extend(["--no-profile", "--no-live", "--json"]);
        if let Some(ca) = &self.ca {
            arguments.extend(["--ca", ca]);
        }
        let told = self.tenfold("run", &arguments, duration + PATIENCE)?;
        serde_json::from_str(&told).context("could not read the summary")
    }

    /// Takes it down; its data stays.
    pub(crate) fn down(&mut self) -> anyhow::Result<()> {
        self.is_up = false;
        self.tenfold("down", &["lab", "down"], PATIENCE).map(|_| ())
    }

    /// Runs Tenfold and returns what it wrote to standard output.
    ///
    /// # Errors
    /// Where it wrote none, with its last words.
    fn tenfold(&self, name: &str, arguments: &[&str], within: Duration) -> anyhow::Result<String> {
        let mut command = Command::new(self.workshop.tenfold());
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("TENFOLD_"))
            {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.folder).args(arguments);
        // A lab in the background outlives the command that brought it up, in a group of its own.
        let mut child = Child::start(name, &command, &Confines::default(), &self.folder)?;
        let ended = child.wait(within, self.workshop.interrupt())?;
        if !ended {
            child.stop(Duration::from_secs(10));
            bail!(
                "`tenfold {}` did not end within {within:?}",
                arguments.join(" ")
            );
        }
        let status = child.end();
        let told = child.output();
        // A run that missed an objective has a summary all the same.
        if told.is_empty() && name != "down" {
            bail!(
                "`tenfold {name}` ended with {status}: {}",
                child.last_words()
            );
        }
        Ok(told)
    }
}

fn status(told: &str) -> anyhow::Result<LabStatus> {
    serde_json::from_str(told).context("could not read its status")
}

impl Drop for StageLab<'_> {
    fn drop(&mut self) {
        if self.is_up {
            let mut down = Command::new(self.workshop.tenfold());
            // Whatever went wrong before has been told.
            let _ = down
                .current_dir(&self.folder)
                .args(["lab", "down"])
                .output();
        }
    }
}
