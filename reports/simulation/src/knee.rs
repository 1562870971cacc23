//! The search for the highest rate that a simulated service sustains.

use std::time::Duration;

use tenfold_scenarios::{Rate, Scenario, ScenarioError};

use crate::arrivals::arrivals;
use crate::objective::{Objective, objectives};
use crate::outcome::{Outcome, TierUse};
use crate::sample::Sample;
use crate::simulation::{Settings, simulate};
use crate::system::System;

/// The highest rate that a simulated service sustains.
#[derive(Debug, Clone, PartialEq)]
pub struct Knee {
    /// Highest rate that was sustained, per second. `None` if none was.
    pub sustained: Option<f64>,
    /// Lowest rate that was not sustained, per second. It was simulated, as was the sustained one.
    pub failed: f64,
    /// Limit that the service reached at that rate.
    pub limit: Limit,
    /// Name of the tier with the busiest server at that rate.
    pub busiest: Option<String>,
}

/// Limit that a service reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// Requests piled up.
    Backlog,
    /// This objective was missed.
    Objective(String),
}

/// Warm-up of a simulated trial, in seconds.
const WARM_UP_S: f64 = 2.0;

/// Counted requests of a simulated trial: a thousand beyond p99, or 400 in a search.
const REQUESTS: f64 = 100_000.0;
const SEARCH_REQUESTS: f64 = 40_000.0;

/// Least and most counted time of a trial, in seconds.
const COUNTED_S: [f64; 2] = [5.0, 120.0];

/// Counted requests of a trial for which it may be longer: fewer judge no objective.
const REQUESTS_MIN: f64 = 1_000.0;

/// Longest trial in any case, in seconds: ten days.
const COUNTED_S_MAX: f64 = 864_000.0;

/// Requests in the service at which a trial ends, for each request a second.
const IN_FLIGHT_S: f64 = 5.0;

/// Requests in the service with which any trial goes on.
const IN_FLIGHT_MIN: usize = 2_000;

/// Width at which the search ends, relative to the rate.
const WIDTH: f64 = 0.01;

/// Share of the rate at which a server is busy all the time from which the search begins, and below which it ends: requests hardly queue there, so an
/// objective that is missed there is out of reach.
const FIRST: f64 = 0.9;
const LOWEST: f64 = 0.01;

/// Growth of the rate until one is not sustained.
const GROWTH: f64 = 1.1;

/// CPU time that the busiest server needs over the allowed one from which a trial is not simulated: it can't be sustained, and the queue of that server
/// would have no bound.
const HOPELESS: f64 = 2.0;

/// Most steps of the search.
const STEPS_MAX: u32 = 40;

/// Simulated requests per second: a higher rate is sampled.
const SAMPLED_RATE: f64 = 10_000.0;

/// A service under the load of a scenario.
#[derive(Debug, Clone)]
pub struct Trials<'a> {
    system: &'a System,
    scenario: &'a Scenario,
    objectives: Vec<Objective>,
    shares: Vec<f64>,
    sample: Sample,
}

impl<'a> Trials<'a> {
    /// Prepares trials at about a rate, per second. A rate of more than 10,000 a second is sampled.
    pub fn new(system: &'a System, scenario: &'a Scenario, rate: f64) -> Self {
        let factor = (rate / SAMPLED_RATE).max(1.0);
        Self {
            system,
            scenario,
            objectives: objectives(scenario),
            shares: mix(scenario),
            sample: Sample::of(system, scenario, factor),
        }
    }

    /// Returns the sample that is simulated.
    pub fn sample(&self) -> &Sample {
        &self.sample
    }

    /// Simulates a trial at a rate of the whole service, per second.
    ///
    /// # Errors
    /// If the scenario can't be sent at this rate.
    pub fn at(&self, rate: f64) -> Result<Outcome, ScenarioError> {
        self.trial(rate, REQUESTS)
    }

    fn trial(&self, rate: f64, requests: f64) -> Result<Outcome, ScenarioError> {
        let offered = self.offered(rate);
        if offered.iter().any(|tier| tier.busiest > HOPELESS) {
            return Ok(Outcome::hopeless(self.system.paths.len(), offered));
        }
        let simulated = rate / self.sample.factor;
        let [least, most] = COUNTED_S;
        let most = most.max(REQUESTS_MIN / simulated).min(COUNTED_S_MAX);
        let counted_s = (requests / simulated).clamp(least, most);
        let scenario = at_rate(self.scenario, simulated, WARM_UP_S, counted_s)?;
        let settings = Settings {
            warm_up_s: WARM_UP_S,
            counted_s,
            seed: self.scenario.seed,
            in_flight_max: IN_FLIGHT_MIN + (IN_FLIGHT_S * simulated) as usize,
        };
        Ok(simulate(
            self.system,
            &self.sample,
            rate,
            arrivals(&scenario),
            settings,
        ))
    }

    /// Returns the CPU time that a rate needs over the allowed one, for each tier: on average, and of the busiest server. 1 is
    /// full; a rate that is too high needs more.
    pub fn offered(&self, rate: f64) -> Vec<TierUse> {
        let demands = self.system.demands(&self.shares);
        let tiers = self.system.tiers.iter().zip(&self.sample.tiers);
        let uses = tiers.zip(demands).map(|((tier, sampled), demand)| {
            let mean = rate * demand / (tier.copies as f64 * tier.allowed_cores());
            TierUse {
                name: tier.name.clone(),
                mean,
                busiest: mean * sampled.skew,
            }
        });
        uses.collect()
    }

    /// Returns what the service missed. `None` if it sustained the rate.
    pub fn missed(&self, outcome: &Outcome) -> Option<Limit> {
        let missed = |own: &&Objective| own.is_met(outcome) == Some(false);
        match self.objectives.iter().find(missed) {
            Some(objective) => Some(Limit::Objective(objective.text.clone())),
            None => outcome.piled_up().then_some(Limit::Backlog),
        }
    }

    /// Returns the rate at which the first server is busy all the time, per second: the utilisation law. `None` if no tier is visited.
    fn full_at(&self) -> Option<f64> {
        let busiest = self.offered(1.0).into_iter().map(|tier| tier.busiest);
        let busiest = busiest.fold(0.0, f64::max);
        (busiest > 0.0).then(|| 1.0 / busiest)
    }

    /// Searches for the highest rate that the service sustains: near the rate at which a server is busy all the time, upwards until one is
    /// not sustained, and then by bisection. `None` if no request visits a tier.
    ///
    /// # Errors
    /// If the scenario can't be sent at one of the rates.
    pub fn knee(&self) -> Result<Option<Knee>, ScenarioError> {
        let Some(saturation) = self.full_at() else {
            return Ok(None);
        };
        let (mut sustained, mut found) = (None, None);
        let mut rate = FIRST * saturation;
        for _ in 0..STEPS_MAX {
            let outcome = self.trial(rate, SEARCH_REQUESTS)?;
            match self.missed(&outcome) {
                None => sustained = Some(rate),
                Some(limit) => {
                    let busiest = outcome.busiest().map(|tier| tier.name.clone());
                    found = Some((rate, limit, busiest));
                }
            }
            rate = match (sustained, &found) {
                (Some(low), None) => GROWTH * low,
                (None, Some(_)) if rate <= LOWEST * saturation => break,
                (None, Some((high, ..))) => (high / 2.0).max(LOWEST * saturation),
                (Some(low), Some((high, ..))) if high - low <= WIDTH * high => break,
                (Some(low), Some((high, ..))) => f64::midpoint(low, *high),
                (None, None) => break,
            };
        }
        Ok(found.map(|(failed, limit, busiest)| Knee {
            sustained,
            failed,
            limit,
            busiest,
        }))
    }
}

/// Returns the share of each request in the mix of a scenario.
pub fn mix(scenario: &Scenario) -> Vec<f64> {
    let weights = scenario.requests.iter().map(|request| request.weight);
    let all: f64 = weights.clone().sum::<f64>().max(f64::MIN_POSITIVE);
    weights.map(|weight| weight / all).collect()
}

fn at_rate(
    scenario: &Scenario,
    rate: f64,
    warm_up_s: f64,
    counted_s: f64,
) -> Result<Scenario, ScenarioError> {
    let rate = Rate::clamped(rate);
    scenario.at_constant_rate(
        rate,
        Duration::from_secs_f64(warm_up_s),
        Duration::from_secs_f64(counted_s),
    )
}
