//! Simulations of the steps of a ladder, beside the measurements, and of the fleet for the traffic of a plan.

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
    /// Observation of that run.
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
/// The demands come from the trials in which the service kept up; those in which it failed are not used. The
/// highest of them is the lower end of the measured knee, so the simulated one is not independent of it.
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
        .filter(|(_, outcome)| is_kept_up(*outcome))
        .map(|(observation, _)| observation);
    let sustained: Vec<&Observation> = sustained.collect();
    let knee_rate = sustained.iter().map(|own| own.rate).fold(0.0, f64::max);
    let model_at = |rate: f64| {
        let low = (runs.low, runs.low_observation);
        ServiceModel::of(&sustained, low, &runs.step.boxes, runs.scenario, rate)
    };
    let model = model_at(knee_rate)?;
    let mut missing = model.missing.clone();
    let tiers = model.tiers.iter().map(|tier| SimulatedTier {
        name: tier.name.clone(),
        boxes: tier.boxes.len(),
        cores: tier.allowed(),
        cpu_us: tier.demand_s * 1e6,
    });
    let fleet_model = model_at(goal.utilisation.clamp(0.0, 1.0) * knee_rate)?;
    // The figures of the step stand without it.
    let (fleet, fleet_error) = match fleet::fleet(&fleet_model, runs, goal) {
        Ok((fleet, assumed)) => {
            missing.extend(assumed);
            (Some(fleet), None)
        }
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(SimulatedStep {
        step: runs.step.name.clone(),
        error: None,
        tiers: tiers.collect(),
        knee: knee(&model, runs)?,
        p99: p99(&model_at(LOAD * knee_rate)?, runs, &sustained)?,
        missing,
        fleet,
        fleet_error,
    })
}

/// Returns whether the service kept up with the load. Its CPU time is valid even if an objective is in doubt.
fn is_kept_up(outcome: OutcomeName) -> bool {
    matches!(outcome, OutcomeName::Sustained | OutcomeName::Undecided)
}

/// Simulates the search for the knee. The machine that all boxes share is a limit of its own, by the utilisation law.
fn knee(model: &ServiceModel, runs: &StepRuns<'_>) -> Result<Option<SimulatedKnee>, ModelError> {
    let about = runs.step.sustained.unwrap_or(1.0);
    let found = Trials::new(&model.system, runs.scenario, about).knee()?;
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
    let outcome = Trials::new(&model.system, runs.scenario, rate).at(rate)?;
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::knee::End;
    use crate::summarise;
    use crate::synthetic::{MadeUp, Traffic as MadeUpTraffic};

    /// Rates of the runs, per second. The service has two processors and takes 4 ms: 500/s.
    const RATES: [f64; 4] = [50.0, 250.0, 350.0, 420.0];

    fn run(rate: f64) -> Run {
        let made_up = MadeUp {
            traffic: MadeUpTraffic {
                per_second: rate,
                peak_per_second: rate,
                warm_up_s: 2,
                counted_s: 60,
                even: false,
            },
            workers: Some(2),
            work_ns: 4_000_000,
            write_factor: 1.0,
            work_sigma: 0.0,
            cpu_share: 1.0,
            lag_ns: 0,
            ..MadeUp::default()
        };
        let mut run = made_up.play();
        run.manifest.host.cores = 2;
        run.manifest.shared_host = Some(false);
        run
    }

    fn scenario() -> Scenario {
        let requests = ["read post", "read feed", "read user", "create post"].map(|name| {
            format!(
                "[[requests]]\nname = \"{name}\"\nkind = \"read\"\nweight = 1\npath = \"/{{key}}\"\nkeys = \"posts\"\n"
            )
        });
        let text = format!(
            "version = 1\nname = \"s\"\nrules = ['p99 < 60ms']\n[load]\nmodel = \"open\"\narrivals = \"poisson\"\n[[phases]]\n\
             name = \"steady\"\nkind = \"constant\"\nrate = \"1000/s\"\nduration = \"30s\"\n[[keys]]\nname = \"posts\"\n\
             count = 1000\npopularity = {{ kind = \"zipfian\", exponent = 0.5 }}\n{}",
            requests.concat()
        );
        Scenario::parse(&text, Path::new("s.toml")).unwrap()
    }

    fn step() -> Step {
        Step {
            name: "one".to_owned(),
            change: String::new(),
            reason: None,
            directory: "01-one".into(),
            compared_with: None,
            prediction: None,
            stage: None,
            boxes: Vec::new(),
            copies: None,
            price_month: None,
            ready_s: 1.0,
            sustained: Some(480.0),
            failed: Some(500.0),
            end: End::Confirmed,
            bottleneck: None,
            outages: Vec::new(),
        }
    }

    fn simulate(trials: &[(Observation, OutcomeName)]) -> SimulatedStep {
        simulate_for(trials, 1.0, 0.5, 2)
    }

    fn simulate_for(
        trials: &[(Observation, OutcomeName)],
        peak: f64,
        utilisation: f64,
        zones: u64,
    ) -> SimulatedStep {
        let low = run(RATES[0]);
        let runs = StepRuns {
            step: &step(),
            trials,
            low: &low,
            low_observation: &Observation::of(&low, &summarise(&low)),
            scenario: &scenario(),
        };
        let traffic = Traffic {
            users: 10_000.0,
            writes_per_month: 0.0,
            reads_per_month: 2_000.0 * crate::plan::SECONDS_PER_MONTH,
            bytes_per_write: 1e3,
            bytes_per_read: 1e3,
            years: 1.0,
            peak,
        };
        let goal = FleetGoal {
            traffic: &traffic,
            utilisation,
            zones,
            hop_s: 0.0,
            prices: None,
        };
        simulate_step(&runs, &goal)
    }

    #[test]
    fn simulates_a_service_of_known_capacity() {
        let trials = RATES.map(|rate| {
            let run = run(rate);
            (
                Observation::of(&run, &summarise(&run)),
                OutcomeName::Sustained,
            )
        });
        let step = simulate(&trials);
        assert_eq!(step.error, None);
        let knee = step.knee.unwrap();
        assert!((450.0..505.0).contains(&knee.simulated), "{knee:?}");
        assert!(knee.error.unwrap().abs() < 0.1, "{knee:?}");
        let p99 = step.p99.unwrap();
        assert!((p99.rate - 350.0).abs() < 10.0, "{p99:?}");
        assert!(p99.error.unwrap().abs() < 0.2, "{p99:?}");
        // 2,000/s by 4 ms are 8 processors: at half of two each, eight boxes, and as many in the other zone.
        let fleet = step.fleet.unwrap();
        assert!((16..=18).contains(&fleet.tiers[0].boxes), "{fleet:?}");
        assert!(fleet.p99_ns.is_some(), "{fleet:?}");
        assert!(fleet.p99_without_zone_ns >= fleet.p99_ns, "{fleet:?}");
        assert!(fleet.knee_per_s > Some(2_000.0), "{fleet:?}");
    }

    #[test]
    fn knee_is_kept_if_there_is_no_fleet() {
        let run = run(RATES[2]);
        let observation = Observation::of(&run, &summarise(&run));
        let trials = [(observation, OutcomeName::Sustained)];
        for (peak, utilisation, zones) in [
            (1e300, 0.5, 2),
            (f64::MAX, 1e-300, 100),
            (1.0, f64::MIN_POSITIVE, 1),
        ] {
            let step = simulate_for(&trials, peak, utilisation, zones);
            assert_eq!(step.error, None, "{peak}");
            assert!(step.knee.is_some() && step.p99.is_some(), "{peak}");
            assert_eq!(step.fleet, None, "{peak}");
            let error = step.fleet_error.unwrap();
            assert!(
                error.contains("more than 10 million boxes of service"),
                "{error}"
            );
        }
        // More boxes than keys: one box is far too busy, and more of them do not help.
        let fleet = simulate_for(&trials, 1e5, 0.5, 100).fleet.unwrap();
        assert_eq!((fleet.p99_ns, fleet.p99_without_zone_ns), (None, None));
        assert!(fleet.tiers[0].busiest > 100.0, "{fleet:?}");
        assert!(fleet.knee_per_s.is_some_and(|knee| knee < 1e6), "{fleet:?}");
        let step = simulate_for(&trials, 1e-300, 1.0, 1);
        let fleet = step.fleet.unwrap();
        assert_eq!((fleet.tiers[0].boxes, fleet.zones), (1, 1));
        assert_eq!(fleet.p99_without_zone_ns, None);
    }

    #[test]
    fn refuses_runs_without_cpu_time() {
        let mut without = run(RATES[1]);
        without.host.samples.clear();
        let observation = Observation::of(&without, &summarise(&without));
        let step = simulate(&[(observation, OutcomeName::Sustained)]);
        let error = step.error.unwrap();
        assert!(
            error.contains("no sustained run has the CPU time"),
            "{error}"
        );
        assert_eq!(step.knee, None);
    }
}
