//! A lab that runs one stage during the benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tenfold_lab::{BoxStatus, LabStatus};

use super::Variant;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

/// Time limit for a stage to come up or to stop.
const TIMEOUT: Duration = Duration::from_secs(150);

/// A stage that runs in the background. Dropping it stops it.
pub(crate) struct StageLab<'a> {
    workshop: &'a Workshop,
    folder: PathBuf,
    ready_s: f64,
    url: String,
    ca: Option<String>,
    environment: &'static [(&'static str, &'static str)],
    is_up: bool,
}

impl<'a> StageLab<'a> {
    /// Brings a stage up in a directory, and uses existing data there.
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
            environment: variant.environment,
            is_up: true,
        };
        let mut arguments = vec!["lab", "up", "--detach", "--json", "--stage", variant.stage];
        if variant.tuned {
            arguments.push("--tuned");
        }
        arguments.extend(variant.arguments);
        let boxes: Vec<String> = tenfold_lab::stage::find(variant.stage)?
            .roles
            .iter()
            .map(|role| format!("{role}={box_cpu}"))
            .collect();
        for own in &boxes {
            arguments.extend(["--box", own]);
        }
        let began = Instant::now();
        let output = own.tenfold("up", &arguments, TIMEOUT)?;
        own.ready_s = began.elapsed().as_secs_f64();
        let status = status(&output)?;
        if let Some(reason) = status.unconfined_because {
            bail!("could not confine the boxes, so none has a size: {reason}");
        }
        let entrance = status.entrance.context("the lab has no entrance")?;
        own.url = entrance.url;
        own.ca = entrance.ca.map(|ca| ca.to_string_lossy().into_owned());
        Ok(own)
    }

    /// Returns the time that it took to come up, in seconds.
    pub(crate) fn ready_s(&self) -> f64 {
        self.ready_s
    }

    /// Returns its directory.
    pub(crate) fn directory(&self) -> PathBuf {
        self.folder.join(".tenfold/lab")
    }

    /// Returns the status of its boxes.
    pub(crate) fn boxes(&self) -> anyhow::Result<Vec<BoxStatus>> {
        Ok(self.status()?.boxes)
    }

    /// Returns its status.
    pub(crate) fn status(&self) -> anyhow::Result<LabStatus> {
        let output = self.tenfold("status", &["lab", "status", "--json"], TIMEOUT)?;
        status(&output)
    }

    /// Sends a scenario to it and returns the summary.
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
        let output = self.tenfold("run", &arguments, duration + TIMEOUT)?;
        serde_json::from_str(&output).context("could not read the summary")
    }

    /// Stops it. Its data stays.
    pub(crate) fn down(&mut self) -> anyhow::Result<()> {
        self.is_up = false;
        self.tenfold("down", &["lab", "down"], TIMEOUT).map(|_| ())
    }

    /// Runs Tenfold and returns its standard output.
    ///
    /// # Errors
    /// Returns an error with the last line of its log if there is no output.
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
        command.envs(self.environment.iter().copied());
        command.current_dir(&self.folder).args(arguments);
        // A detached lab is in its own process group, so it outlives this command.
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
        let output = child.output();
        // A run that missed an objective still prints a summary.
        if output.is_empty() && name != "down" {
            bail!(
                "`tenfold {name}` ended with {status}: {}",
                child.last_words()
            );
        }
        Ok(output)
    }
}

fn status(output: &str) -> anyhow::Result<LabStatus> {
    serde_json::from_str(output).context("could not read the lab's status")
}

impl Drop for StageLab<'_> {
    fn drop(&mut self) {
        if self.is_up {
            let mut down = Command::new(self.workshop.tenfold());
            // An earlier error has been reported already.
            let _ = down
                .current_dir(&self.folder)
                .args(["lab", "down"])
                .output();
        }
    }
}
