//! The model of a service: its boxes as tiers, and the paths of its requests.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;
use tenfold_run_dir::box_use::role_of;
use tenfold_run_dir::manifest::BoxInfo;
use tenfold_run_dir::{Metric, Run};
use tenfold_scenarios::{Scenario, ScenarioError};
use tenfold_simulation::{
    Demand, Discipline, Path, Quota, Routing, Step, System, Tier, Trials, mix,
};
use thiserror::Error;

use super::box_cpu;
use super::observation::Observation;
use super::role::Role;
use super::weights::Weights;
use crate::latency::counted_latencies::CountedLatencies;
use crate::plan::TooManyBoxes;

/// Period in which the CPU of a box is limited, in seconds: the one of the lab. Runs do not record it.
const PERIOD_S: f64 = 0.01;

/// Least CPU time of a request that makes a box a tier, in seconds.
const DEMAND_MIN_S: f64 = 1e-6;

/// Largest demand over the smallest one of the boxes of a tier. Boxes that differ more, such as a primary and its standby, are
/// tiers of their own.
const UNEQUAL: f64 = 2.0;

/// Fewest requests whose median counts.
const MEDIAN_OF: u64 = 10;

/// Model of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceModel {
    /// Tiers and paths, for the simulation.
    pub system: System,
    /// The tiers, in the order of the system.
    pub tiers: Vec<TierModel>,
    /// CPU time of the generator for a request, in seconds.
    pub generator_s: f64,
    /// Processors of the machine that all boxes and the generator share. `None` if they do not share one.
    pub machine_cores: Option<f64>,
    /// Data that the runs lack, a sentence each.
    pub missing: Vec<String>,
}

/// A tier of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct TierModel {
    /// Name: the role of its boxes, or the name of a box.
    pub name: String,
    /// Part in the path.
    pub role: Role,
    /// Boxes.
    pub boxes: Vec<BoxInfo>,
    /// CPU time of a request, all boxes together, in seconds.
    pub demand_s: f64,
}

/// A service of which there is no model.
#[derive(Debug, Error)]
pub enum ModelError {
    /// No run has the CPU of the service.
    #[error(
        "no sustained run has the CPU time of the service; the runs need a stage, or a process on this machine"
    )]
    NoCpu,
    /// The scenario has no mix at a constant rate.
    #[error("could not simulate the scenario: {0}")]
    Scenario(#[from] ScenarioError),
    /// The scenario has journeys, whose arrivals depend on the answers.
    #[error("the scenario has journeys, which can't be simulated")]
    Journeys,
    /// The fleet would have more boxes than any has.
    #[error(transparent)]
    TooManyBoxes(#[from] TooManyBoxes),
}

impl ServiceModel {
    /// Makes the model for about a rate, per second. `observations` are runs that the service sustained, `low` is one at low load,
    /// best with `Server-Timing`, and `boxes` are the boxes with their limits; empty for a service that is not in boxes.
    ///
    /// # Errors
    /// If no run has the CPU of the service, or the scenario can't be simulated.
    pub fn of(
        observations: &[&Observation],
        low: (&Run, &Observation),
        boxes: &[BoxInfo],
        scenario: &Scenario,
        rate: f64,
    ) -> Result<Self, ModelError> {
        if !scenario.journeys.is_empty() {
            return Err(ModelError::Journeys);
        }
        let mut model = Self::without_delays(observations, low.0, boxes, scenario, rate)?;
        let at_low = Self::without_delays(&[low.1], low.0, boxes, scenario, low.1.rate)?;
        model.add_delays(&at_low, low.0, scenario)?;
        Ok(model)
    }

    fn without_delays(
        observations: &[&Observation],
        low: &Run,
        boxes: &[BoxInfo],
        scenario: &Scenario,
        rate: f64,
    ) -> Result<Self, ModelError> {
        let machine = low.manifest.host.cores.max(1) as f64;
        let tiers = tiers(observations, boxes, rate);
        if tiers.is_empty() {
            return Err(ModelError::NoCpu);
        }
        let mut model = Self {
            system: System {
                tiers: tiers.iter().map(|tier| tier.simulated(machine)).collect(),
                paths: vec![Path::of(Vec::new()); scenario.requests.len()],
                hop_s: 0.0,
            },
            generator_s: mean(observations.iter().map(|own| own.generator_s)),
            machine_cores: observations.iter().find_map(|own| own.machine_cores),
            missing: Vec::new(),
            tiers,
        };
        model.add_steps(low, &mix(scenario));
        if boxes.iter().any(|own| own.cpu.is_some()) {
            model.missing.push(format!(
                "Assumed, as runs do not record it: the CPU of a box is limited in periods of {:.0} ms, those of the lab",
                PERIOD_S * 1e3
            ));
        }
        if observations.iter().any(|own| own.has_warm_up) {
            model.missing.push(
                "Trials of an earlier version: their CPU time has the warm-up in it, in which a request costs more".to_owned(),
            );
        }
        Ok(model)
    }

    /// Adds the visits of each request.
    fn add_steps(&mut self, low: &Run, shares: &[f64]) {
        let has = |role: Role| self.tiers.iter().any(|tier| tier.role == role);
        let (alone, has_application) = (!has(Role::Sql), has(Role::Application));
        let mut gaps = Gaps::default();
        for (number, tier) in self.tiers.iter().enumerate() {
            // A web server before an application only passes requests on.
            let role = match tier.role {
                Role::Web if has_application => Role::Balancer,
                role => role,
            };
            let weights = Weights::of(low, role, alone);
            match weights.are_equal() {
                true => gaps.equal.push(tier.name.clone()),
                false => gaps.unknown.extend(weights.unknown()),
            }
            let demands = weights.demands(shares, tier.demand_s);
            for (path, demand) in self.system.paths.iter_mut().zip(demands) {
                if demand.mean() > 0.0 {
                    path.steps.push(Step::to(number, demand));
                }
            }
        }
        self.missing.extend(gaps.sentences(low, self.tiers.len()));
    }

    /// Adds the time that each request takes without CPU: the median at low load, less that of a simulation without it.
    fn add_delays(
        &mut self,
        at_low: &Self,
        low: &Run,
        scenario: &Scenario,
    ) -> Result<(), ModelError> {
        let counted = CountedLatencies::of(low);
        let whole = counted.histogram(Metric::Service, |_| true);
        let seconds: f64 = low
            .manifest
            .phases
            .iter()
            .filter(|phase| !phase.warm_up)
            .map(|phase| phase.duration_ns as f64 / 1e9)
            .sum();
        let Some(all) = median_s(&whole).filter(|_| seconds > 0.0) else {
            self.missing
                .push("The low-load run has too few answers for a median: time without CPU counts as none".to_owned());
            return Ok(());
        };
        let rate = whole.len() as f64 / seconds;
        let simulated = Trials::new(&at_low.system, scenario, rate).at(rate)?;
        let own = |path: usize| simulated.quantile(0.5, |number| number == path);
        let of_all = all - simulated.quantile(0.5, |_| true).unwrap_or(0.0);
        for (number, path) in self.system.paths.iter_mut().enumerate() {
            let measured =
                median_s(&counted.histogram(Metric::Service, |request| request == number));
            let delay_s = match measured.zip(own(number)) {
                Some((measured, simulated)) => measured - simulated,
                None => of_all,
            };
            path.delay = Demand::Fixed(delay_s.max(0.0));
        }
        Ok(())
    }

    /// Returns the rate at which the machine that boxes and generator share is full, per second. `None` if they do not share one.
    pub fn machine_limit(&self) -> Option<f64> {
        let requests: f64 = self.tiers.iter().map(|tier| tier.demand_s).sum();
        let demand = requests + self.generator_s;
        let cores = self.machine_cores?;
        (demand > 0.0).then_some(cores / demand)
    }
}

/// Missing data on the division of CPU time among the requests.
#[derive(Debug, Default)]
struct Gaps {
    /// Tiers at which all requests count as equally long.
    equal: Vec<String>,
    /// Numbers of requests of which nothing is known at some other tier.
    unknown: BTreeSet<usize>,
}

impl Gaps {
    fn sentences(&self, low: &Run, tiers: usize) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.equal.len() == tiers {
            let all = "No request of the low-load run has `Server-Timing`: all requests count as equally long";
            return vec![all.to_owned()];
        }
        if !self.equal.is_empty() {
            sentences.push(format!(
                "`Server-Timing` has no time at {}: all requests count as equally long there",
                self.equal.join(", ")
            ));
        }
        let names = self.unknown.iter();
        let names = names.filter_map(|number| low.manifest.requests.get(*number));
        let names: Vec<String> = names.map(|own| format!("`{}`", own.name)).collect();
        if !names.is_empty() {
            sentences.push(format!(
                "The low-load run has too few samples with `Server-Timing` of {}: they count as the mean of the others",
                names.join(", ")
            ));
        }
        sentences
    }
}

impl TierModel {
    /// Processors that one of its boxes may use. `None` without a limit.
    pub fn allowed(&self) -> Option<f64> {
        self.boxes.first().and_then(|own| own.cpu)
    }

    /// Returns the tier for the simulation. `machine` is the number of processors of the machine.
    fn simulated(&self, machine: f64) -> Tier {
        Tier {
            name: self.name.clone(),
            copies: self.boxes.len().max(1) as u64,
            cores: (machine as u32).max(1),
            quota: Some(Quota {
                cpu_s: self.allowed().unwrap_or(machine) * PERIOD_S,
                period_s: PERIOD_S,
            }),
            // Requests take well below a time slice of the kernel.
            discipline: Discipline::FirstComeFirstServed,
            routing: Routing::RoundRobin,
        }
    }
}

/// Returns the tiers in the order of the path: boxes of a role with about the same load, or else each box.
fn tiers(observations: &[&Observation], boxes: &[BoxInfo], rate: f64) -> Vec<TierModel> {
    let mut names: Vec<String> = Vec::new();
    for sample in observations.iter().flat_map(|own| &own.boxes) {
        if !names.contains(&sample.name) {
            names.push(sample.name.clone());
        }
    }
    let fitted = names.iter().filter_map(|name| {
        let demand_s = box_cpu::demand_s(observations, name, rate)?;
        // Boxes are grouped by all runs, so that the tiers are the same at each rate.
        let mean_s = box_cpu::mean_demand_s(observations, name)?;
        let limits = boxes.iter().find(|own| own.name == *name);
        let own = limits.cloned().unwrap_or_else(|| BoxInfo {
            name: name.clone(),
            cpu: None,
            memory_bytes: None,
        });
        (mean_s >= DEMAND_MIN_S).then_some((own, demand_s, mean_s))
    });
    let fitted: Vec<(BoxInfo, f64, f64)> = fitted.collect();
    let mut roles: Vec<&str> = Vec::new();
    for (own, ..) in &fitted {
        if !roles.contains(&role_of(&own.name)) {
            roles.push(role_of(&own.name));
        }
    }
    let mut tiers = Vec::new();
    for role in roles {
        let members = fitted.iter().filter(|(own, ..)| role_of(&own.name) == role);
        let members: Vec<&(BoxInfo, f64, f64)> = members.collect();
        let demands = members.iter().map(|(.., mean_s)| *mean_s);
        let least = demands.clone().fold(f64::INFINITY, f64::min);
        let most = demands.fold(0.0, f64::max);
        let tier = |name: &str, members: &[&(BoxInfo, f64, f64)]| TierModel {
            name: name.to_owned(),
            role: Role::of(role),
            boxes: members.iter().map(|(own, ..)| own.clone()).collect(),
            demand_s: members.iter().map(|(_, demand_s, _)| demand_s).sum(),
        };
        match most <= UNEQUAL * least {
            true => tiers.push(tier(role, &members)),
            false => tiers.extend(members.iter().map(|own| tier(&own.0.name, &[own]))),
        }
    }
    tiers.sort_by_key(|tier| tier.role);
    tiers
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), own| (sum + own, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

/// Returns the median, in seconds. `None` with too few values.
fn median_s(histogram: &Histogram<u64>) -> Option<f64> {
    (histogram.len() >= MEDIAN_OF).then(|| histogram.value_at_quantile(0.5) as f64 / 1e9)
}
