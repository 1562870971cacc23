//! What the tests of gates share: builds with planted faults, and gates of a few seconds.

#[allow(dead_code, reason = "each binary of tests uses the part that it needs")]
pub(crate) mod planted;

use std::path::PathBuf;
use std::time::Duration;

use tenfold_analysis::gate::{GateOutcome, Pair, Settings};
use tenfold_gate::{CalibrationFile, Endpoint, GateError, Options, Recipe, Step, Subject};
use tenfold_loadgen::{DialOptions, Interrupt};
use tenfold_run_dir::Manifest;
use tenfold_scenarios::Scenario;

const SCENARIO: &str = r#"
version = 1
name = "planted"
seed = 5
[load]
users = 32
[[phases]]
name = "steady"
kind = "constant"
rate = "400/s"
duration = "10s"
[[requests]]
name = "item"
kind = "read"
weight = 1
path = "/item"
"#;

/// A gate about to be run, in a directory of its own.
pub(crate) struct Trial {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) baseline: Subject,
    pub(crate) candidate: Subject,
    pub(crate) endpoints: Pair<Option<Endpoint>>,
    pub(crate) recipe: Recipe,
    pub(crate) alpha: f64,
    pub(crate) budget: Duration,
    pub(crate) rounds_per_epoch: usize,
    pub(crate) interrupt: Interrupt,
    pub(crate) on_step: Box<dyn FnMut(&Step)>,
}

impl Trial {
    /// A gate of two commands, that takes some seconds and seldom errs.
    pub(crate) fn of(baseline: String, candidate: String) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        // Nobody interrupts where nobody can.
        let (_, interrupt) = tokio::sync::watch::channel(false);
        Self {
            directory,
            baseline: Subject::Command(baseline),
            candidate: Subject::Command(candidate),
            endpoints: Pair::default(),
            recipe: Recipe {
                build: None,
                build_within: Duration::from_secs(60),
                start: None,
                ready_path: "/".to_owned(),
                ready_within: Duration::from_secs(20),
            },
            alpha: 0.001,
            budget: Duration::from_secs(30),
            rounds_per_epoch: 4,
            interrupt,
            on_step: Box::new(|_| {}),
        }
    }

    pub(crate) fn working(&self) -> PathBuf {
        self.directory.path().join("working")
    }

    /// Runs it.
    pub(crate) fn gate(&mut self) -> Result<GateOutcome, GateError> {
        self.with(tenfold_gate::gate)
    }

    /// Calibrates by it.
    pub(crate) fn calibration(
        &mut self,
    ) -> Result<(GateOutcome, Option<CalibrationFile>), GateError> {
        self.with(tenfold_gate::calibration)
    }

    fn with<T>(
        &mut self,
        run: impl FnOnce(Options<'_>) -> Result<T, GateError>,
    ) -> Result<T, GateError> {
        let working = self.working();
        std::fs::create_dir_all(&working).expect("there is room for a directory");
        run(Options {
            scenario: Scenario::parse(SCENARIO, "planted.toml".as_ref())?,
            baseline: self.baseline.clone(),
            candidate: self.candidate.clone(),
            endpoints: self.endpoints.clone(),
            recipe: self.recipe.clone(),
            dial: DialOptions::default(),
            working,
            directory: self.directory.path().join("gate"),
            settings: Settings {
                alpha: self.alpha,
                fail_above: Some(0.025),
                ..Settings::default()
            },
            budget: self.budget,
            round: Duration::from_secs(1),
            rounds_per_epoch: self.rounds_per_epoch,
            warm_up: Duration::from_secs(1),
            leak_limit_mib_per_min: 8.0,
            calibration: None,
            advisory: false,
            tool: "test".to_owned(),
            interrupt: self.interrupt.clone(),
            describe: &manifest,
            on_step: &mut *self.on_step,
        })
    }
}

fn manifest(scenario: &Scenario, target: &str) -> Manifest {
    let described = serde_json::json!({
        "version": 1,
        "tool": {"version": "test", "git_revision": null, "build": "debug"},
        "scenario": scenario.name,
        "scenario_text": scenario.text,
        "seed": scenario.seed,
        "model": "open",
        "overrides": {},
        "command": [],
        "started_at": "2026-01-01T00:00:00Z",
        "target": target,
        "stage": null,
        "users": scenario.load.users,
        "phases": [],
        "requests": [],
        "key_spaces": [],
        "rules": [],
        "host": tenfold_probe::host::describe(),
        "shared_host": true,
    });
    serde_json::from_value(described).expect("it is a manifest")
}

/// The processes that were started with this mark in their environment, by number.
pub(crate) fn marked(mark: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let sought = format!("PLANTED_MARK={mark}");
    let is_marked = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|own| own == sought.as_bytes())
    };
    numbers.filter(is_marked).collect()
}
