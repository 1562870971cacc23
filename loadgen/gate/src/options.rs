//! Options and progress of a gate.

use std::path::PathBuf;
use std::time::Duration;

use tenfold_analysis::gate::{Pair, Settings, Side};
use tenfold_loadgen::{DialOptions, Interrupt};
use tenfold_measure::Endpoint;
use tenfold_scenarios::Scenario;

use crate::calibration_file::CalibrationFile;
use crate::subject::{Recipe, Subject};

/// Options of a gate.
pub struct Options<'a> {
    /// Traffic. The gate uses the mean rate of its phases, and ignores its rules.
    pub scenario: Scenario,
    /// Build to compare with.
    pub baseline: Subject,
    /// Build to judge.
    pub candidate: Subject,
    /// Endpoints of the subjects that are URLs.
    pub endpoints: Pair<Option<Endpoint>>,
    /// Commands that build and start the other subjects.
    pub recipe: Recipe,
    /// Connection options for builds that the gate starts.
    pub dial: DialOptions,
    /// Directory that commands run in, within the repository of the revisions.
    pub working: PathBuf,
    /// Output directory. Must be empty or missing.
    pub directory: PathBuf,
    /// Error rates and limits. The gate replaces its looks by those that fit into the budget.
    pub settings: Settings,
    /// Time for all epochs, without building and profiling.
    pub budget: Duration,
    /// Length of a round, in whole seconds.
    pub round: Duration,
    /// Rounds between restarts.
    pub rounds_per_epoch: usize,
    /// Length of the warm-up of each epoch, in whole seconds.
    pub warm_up: Duration,
    /// Largest growth of a build's memory beyond that of the other, in MiB per minute.
    pub leak_limit_mib_per_min: f64,
    /// Result of an earlier calibration, if any.
    pub calibration: Option<CalibrationFile>,
    /// `true` if a failed verdict does not fail the command.
    pub advisory: bool,
    /// Becomes `true` when the gate is to end early.
    pub interrupt: Interrupt,
    /// Called before each step.
    pub on_step: &'a mut dyn FnMut(&Step),
}

impl Options<'_> {
    pub(crate) fn subject(&self, side: Side) -> &Subject {
        match side {
            Side::Baseline => &self.baseline,
            Side::Candidate => &self.candidate,
        }
    }
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("scenario", &self.scenario.name)
            .field("baseline", &self.baseline)
            .field("candidate", &self.candidate)
            .finish_non_exhaustive()
    }
}

/// Step of a gate that is about to start.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Build a subject.
    Build(Side, String),
    /// Compare the baseline with itself.
    Check,
    /// Measure an epoch.
    Measure {
        /// Rounds so far.
        rounds: usize,
        /// Rounds that fit into the budget. `None` until it is known.
        of: Option<usize>,
    },
    /// Profile both builds.
    Profile,
}
