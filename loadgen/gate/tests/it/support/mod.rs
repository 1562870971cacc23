//! Shared by tests of the gate: builds with planted faults, and gates of a few seconds.

#[path = "../../../examples/planted/service.rs"]
#[allow(
    dead_code,
    reason = "shared with the example and the tests of the binary"
)]
pub(crate) mod planted;

use std::path::PathBuf;
use std::time::Duration;

use tenfold_analysis::gate::{GateOutcome, Pair, Settings};
use tenfold_gate::{CalibrationFile, GateError, Options, Recipe, Step, Subject};
use tenfold_loadgen::{DialOptions, Interrupt};
use tenfold_measure::Endpoint;
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

/// Gate to run, in a directory of its own.
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
    /// Creates a gate of two commands that takes a few seconds, with a small error rate.
    pub(crate) fn of(baseline: String, candidate: String) -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        // Without a sender, nothing interrupts the gate.
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

    /// Runs the gate.
    pub(crate) fn gate(&mut self) -> Result<GateOutcome, GateError> {
        self.with(tenfold_gate::gate)
    }

    /// Runs the calibration.
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
            interrupt: self.interrupt.clone(),
            on_step: &mut *self.on_step,
        })
    }
}

/// Returns the IDs of the processes with this mark in their environment.
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
