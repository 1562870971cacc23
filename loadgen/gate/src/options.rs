//! What a gate is asked, and what it tells meanwhile.

use std::path::PathBuf;
use std::time::Duration;

use tenfold_analysis::gate::{Pair, Settings, Side};
use tenfold_loadgen::{DialOptions, Interrupt};
use tenfold_run_dir::Manifest;
use tenfold_scenarios::Scenario;

use crate::calibration_file::CalibrationFile;
use crate::endpoint::Endpoint;
use crate::prepared::Recipe;
use crate::subject::Subject;

/// What to compare, and how.
pub struct Options<'a> {
    /// The traffic. Its phases give their mean rate; its rules are not judged.
    pub scenario: Scenario,
    /// The build that is known.
    pub baseline: Subject,
    /// The build that is judged.
    pub candidate: Subject,
    /// Where those that are URLs answer.
    pub endpoints: Pair<Option<Endpoint>>,
    /// How the others are built and started.
    pub recipe: Recipe,
    /// How connections to those are opened.
    pub dial: DialOptions,
    /// The directory that commands are run in, and whose repository revisions are of.
    pub working: PathBuf,
    /// Where the epochs are kept: an empty directory, or one to be made.
    pub directory: PathBuf,
    /// What the gate is asked to hold. Its looks are planned anew from the budget.
    pub settings: Settings,
    /// The time for all epochs, builds and profiles apart.
    pub budget: Duration,
    /// The length of a round, in whole seconds.
    pub round: Duration,
    /// Rounds from one restart to the next.
    pub rounds_per_epoch: usize,
    /// What is sent before the first round of an epoch, in whole seconds.
    pub warm_up: Duration,
    /// How much faster than the other's a build's memory may grow, in MiB a minute.
    pub leak_limit_mib_per_min: f64,
    /// What an earlier calibration found, where there is one.
    pub calibration: Option<CalibrationFile>,
    /// Whether the verdict is not to fail anything.
    pub advisory: bool,
    /// The version of this program, with its revision where that is known.
    pub tool: String,
    /// Becomes true when the gate is to end early.
    pub interrupt: Interrupt,
    /// Describes the run of an epoch for its directory.
    pub describe: &'a dyn Fn(&Scenario, &str) -> Manifest,
    /// Called with what is done next.
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

/// What a gate does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It makes a build.
    Build(Side, String),
    /// It sets the baseline beside itself for a moment.
    Check,
    /// It measures an epoch.
    Measure {
        /// Rounds so far.
        rounds: usize,
        /// Rounds that the budget has room for; none while that is not known.
        of: Option<usize>,
    },
    /// It profiles both builds.
    Profile,
}
