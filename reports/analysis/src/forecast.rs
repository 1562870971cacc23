//! Simulations of the steps of a ladder: beside what was measured, and of the fleet for the traffic of a plan.

mod cached;
mod fleet;

use tenfold_run_dir::Run;
use tenfold_scenarios::Scenario;
use tenfold_simulation::{Limit, Trials};

use crate::knee::OutcomeName;
use crate::ladder::{Prices, Step};
use crate::model::{ModelError, Observation, ServiceModel};
use crate::plan::{SimulatedKnee, SimulatedP99, SimulatedStep, SimulatedTier, Traffic};

/// Share of the knee at which response times are compared.
const LOAD: f64 = 0.7;

/// Shares of the knee between which a run counts as one at that load.
const LOADS: [f64; 2] = [0.6, 0.8];

/// The runs of a step.
#[derive(Debug)]
pub struct StepRuns<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its trials, each with its result.
    pub trials: &'a [(Observation, OutcomeName)],
    /// The run at low load.
    pub low: &'a Run,
    /// What it says.
    pub low_observation: &'a Observation,
    /// The scenario, with the objectives of the ladder.
    pub scenario: &'a Scenario,
}

/// Fleet to plan.
#[derive(Debug, Clone, Copy)]
pub struct FleetGoal<'a> {
    /// Traffic.
    pub traffic: &'a Traffic,
    /// Share of its CPU that a box may use at the peak, from 0 to 1.
    pub utilisation: f64,
    /// Zones, one of which may fail. 1 for no spare zone.
    pub zones: u64,
    /// Time on the network from one box to the next, in seconds.
    pub hop_s: f64,
    /// Prices of boxes. `None` if they are not known.
    pub prices: Option<&'a Prices>,
}

/// Simulates a step of a ladder from its runs, and the fleet that the step's boxes make for the peak.
///
/// The demands come from the trials that the service sustained. The rates at which it failed are not used but to compare.
pub fn simulate_step(runs: &StepRuns<'_>, goal: &FleetGoal<'_>) -> SimulatedStep {
    match simulated(runs, goal) {
        Ok(step) => step,
        Err(error) => SimulatedStep::failed(&runs.step.name, error.to_string()),
    }
}

fn simulated(runs: &StepRuns<'_>, goal: &FleetGoal<'_>) -> Result<SimulatedStep, ModelError> {
    let sustained = runs
        .trials
        .iter()
        .filter(|(_, outcome)| *outcome == OutcomeName::Sustained)
        .map(|(observation, _)| observation);
    let sustained: Vec<&Observation> = sustained.collect();
    // Without a knee, the highest rate of a run stands for it.
    let highest = sustained.iter().map(|own| own.rate).fold(0.0, f64::max);
    let knee_rate = runs.step.sustained.unwrap_or(highest).min(highest);
    let model_at = |rate: f64| {
        let low = (runs.low, runs.low_observation);
        ServiceModel::of(&sustained, low, &runs.step.boxes, runs.scenario, rate)
    };
    let model = model_at(knee_rate)?;
    let tiers = model.tiers.iter().map(|tier| SimulatedTier {
        name: tier.name.clone(),
        boxes: tier.boxes.len(),
        cores: tier.allowed(),
        cpu_us: tier.demand_s * 1e6,
    });
    Ok(SimulatedStep {
        step: runs.step.name.clone(),
        error: None,
        tiers: tiers.collect(),
        knee: knee(&model, runs)?,
        p99: p99(&model_at(LOAD * knee_rate)?, runs, &sustained)?,
        missing: model.missing.clone(),
        fleet: Some(fleet::fleet(
            &model_at(goal.utilisation * knee_rate)?,
            runs,
            goal,
        )?),
    })
}

/// Simulates the search for the knee. The machine that all boxes share is a limit of its own, by the utilisation law.
fn knee(model: &ServiceModel, runs: &StepRuns<'_>) -> Result<Option<SimulatedKnee>, ModelError> {
    let about = runs.step.sustained.unwrap_or(1.0);
    let found = Trials::new(&model.system, runs.scenario, about)?.knee()?;
    let Some((found, mut simulated)) = found.and_then(|own| own.sustained.map(|rate| (own, rate)))
    else {
        return Ok(None);
    };
    let (mut limit, mut busiest) = (limit_name(&found.limit), found.busiest);
    if let Some(machine) = model.machine_limit().filter(|rate| *rate < simulated) {
        (simulated, limit, busiest) = (machine, "machine".to_owned(), None);
    }
    let measured = [runs.step.sustained, runs.step.failed];
    let middle = match measured {
        [Some(low), Some(high)] => Some(f64::midpoint(low, high)),
        _ => None,
    };
    Ok(Some(SimulatedKnee {
        simulated,
        limit,
        busiest,
        measured,
        error: middle.map(|middle| simulated / middle - 1.0),
    }))
}

fn limit_name(limit: &Limit) -> String {
    match limit {
        Limit::Backlog => "backlog".to_owned(),
        Limit::Objective(text) => text.clone(),
    }
}

/// Simulates a load of about 70% of the measured knee: the rate of the sustained run that is closest to it.
fn p99(
    model: &ServiceModel,
    runs: &StepRuns<'_>,
    sustained: &[&Observation],
) -> Result<Option<SimulatedP99>, ModelError> {
    let Some(knee) = runs.step.sustained.filter(|rate| *rate > 0.0) else {
        return Ok(None);
    };
    let load = |own: &Observation| own.rate / knee;
    let measured = sustained
        .iter()
        .filter(|own| own.p99_ns.is_some() && (LOADS[0]..=LOADS[1]).contains(&load(own)))
        .min_by(|one, other| {
            let distance = |own: &Observation| (load(own) - LOAD).abs();
            distance(one).total_cmp(&distance(other))
        });
    let rate = measured.map_or(LOAD * knee, |own| own.rate);
    let outcome = Trials::new(&model.system, runs.scenario, rate)?.at(rate)?;
    let Some(simulated_s) = outcome.quantile(0.99, |_| true) else {
        return Ok(None);
    };
    let simulated_ns = simulated_s * 1e9;
    let measured_ns = measured.and_then(|own| own.p99_ns).map(|ns| ns as f64);
    Ok(Some(SimulatedP99 {
        rate,
        simulated_ns,
        measured_ns,
        measured_interval_ns: measured.and_then(|own| own.p99_interval_ns),
        error: measured_ns.map(|measured| simulated_ns / measured - 1.0),
    }))
}
