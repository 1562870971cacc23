//! Simulations of the steps of a ladder, from the runs in its directory.

use std::path::Path;

use anyhow::Context as _;
use tenfold_analysis::diagnosis::DiagnosisReport;
use tenfold_analysis::forecast::{FleetGoal, StepRuns, simulate_step};
use tenfold_analysis::knee::{OutcomeName, SearchReport};
use tenfold_analysis::ladder::{LadderReport, Step};
use tenfold_analysis::model::Observation;
use tenfold_analysis::plan::SimulatedStep;
use tenfold_analysis::summarise;
use tenfold_run_dir::{Run, RunDir};
use tenfold_scenarios::Scenario;

use crate::output::print;

/// Directory of the run at low load, below that of a step.
const LOW: &str = "low";

/// Directory of a further search at one rate, below that of a step. It may be missing.
const MORE: &str = "load-70";

/// Simulates each step of a ladder. A step whose runs can't be read has the reason instead.
pub(super) fn simulations(
    ladder: &LadderReport,
    directory: &Path,
    goal: &FleetGoal<'_>,
) -> Vec<SimulatedStep> {
    let steps = ladder.steps.iter().map(|step| {
        print::note(&format!("simulating {}", step.name));
        simulate(ladder, step, directory, goal)
            .unwrap_or_else(|error| SimulatedStep::failed(&step.name, format!("{error:#}")))
    });
    steps.collect()
}

fn simulate(
    ladder: &LadderReport,
    step: &Step,
    directory: &Path,
    goal: &FleetGoal<'_>,
) -> anyhow::Result<SimulatedStep> {
    let directory = directory.join(&step.directory);
    let file = directory.join("diagnosis.json");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("could not read {}", file.display()))?;
    let diagnosis: DiagnosisReport = serde_json::from_str(&text)
        .with_context(|| format!("{} is no diagnosis", file.display()))?;
    let low = RunDir::open(&directory.join(LOW)).read()?;
    let scenario = Scenario::parse(
        &low.manifest.scenario_text,
        Path::new(&low.manifest.scenario),
    )
    .and_then(|scenario| scenario.with_rules(&ladder.rules))
    .context("could not read the scenario of the run at low load")?;
    let mut trials = observations(&directory, &diagnosis.search)?;
    let more = directory.join(MORE);
    if let Ok(text) = std::fs::read_to_string(more.join("knee.json")) {
        let search = serde_json::from_str(&text)
            .with_context(|| format!("{} has no answer of `tenfold knee`", more.display()))?;
        trials.extend(observations(&more, &search)?);
    }
    let runs = StepRuns {
        step,
        trials: &trials,
        low: &low,
        low_observation: &observation(&low),
        scenario: &scenario,
    };
    Ok(simulate_step(&runs, goal))
}

/// Reads the trials of a search.
fn observations(
    directory: &Path,
    search: &SearchReport,
) -> anyhow::Result<Vec<(Observation, OutcomeName)>> {
    let trials = search.trials.iter().map(|trial| {
        let run = RunDir::open(&directory.join(&trial.directory)).read()?;
        Ok((observation(&run), trial.outcome))
    });
    trials.collect()
}

fn observation(run: &Run) -> Observation {
    Observation::of(run, &summarise(run))
}
