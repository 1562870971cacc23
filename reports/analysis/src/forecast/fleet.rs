//! The fleet for the peak, from the tiers of a step, and its simulation.

use tenfold_scenarios::Scenario;
use tenfold_simulation::{Outcome, Routing, Step, System, TierUse, Trials, Visits, mix};

use super::cached::{NO_ROOM, RequestMisses, assumptions, misses, room_each};
use super::{FleetGoal, StepRuns, limit_name};
use crate::model::{ModelError, Role, ServiceModel, TierModel};
use crate::plan::{FleetTier, SECONDS_PER_MONTH, SimulatedFleet, box_count};

/// Counts the boxes of each tier, and simulates the fleet at the peak, without a zone, and up to its knee. Returns the assumptions as well, a
/// sentence each.
pub(super) fn fleet(
    model: &ServiceModel,
    runs: &StepRuns<'_>,
    goal: &FleetGoal<'_>,
) -> Result<(SimulatedFleet, Vec<String>), ModelError> {
    let traffic = goal.traffic;
    let peak_per_s = peak_per_s(goal);
    let scenario = runs.scenario.for_users(traffic.users as u64);
    let mut system = model.system.clone();
    system.hop_s = goal.hop_s;
    for (simulated, tier) in system.tiers.iter_mut().zip(&model.tiers) {
        simulated.routing = routing(model, tier);
    }
    let mut assumed = Vec::new();
    let missed = add_cache(&mut system, model, runs, &scenario, goal, &mut assumed)?;
    let demands = system.demands(&mix(&scenario));
    for (simulated, demand) in system.tiers.iter_mut().zip(demands) {
        let needed = peak_per_s * demand / (simulated.allowed_cores() * goal.utilisation);
        simulated.copies = box_count(needed, goal.zones, &simulated.name)?;
    }
    let trials = Trials::new(&system, &scenario, peak_per_s);
    let at_peak = trials.at(peak_per_s)?;
    let knee = trials.knee()?;
    let fleet = SimulatedFleet {
        peak_per_s,
        tiers: tiers(&system, &trials.offered(peak_per_s)),
        p99_ns: p99_ns(&trials, &at_peak),
        p99_without_zone_ns: without_zone(&system, &scenario, goal, peak_per_s)?,
        zones: goal.zones.max(1),
        knee_per_s: knee.as_ref().and_then(|own| own.sustained),
        breaks_first: knee.as_ref().and_then(|own| own.busiest.clone()),
        limit: knee.map_or(String::new(), |own| limit_name(&own.limit)),
        price_month: price(&system, model, goal),
        currency: goal.prices.map(|prices| prices.currency.clone()),
        factor: trials.sample().factor,
        simulated_boxes: trials.sample().servers(),
        misses: missed,
    };
    Ok((fleet, assumed))
}

/// Boxes with data are chosen by key. So is the whole service if it has its data in its own box.
fn routing(model: &ServiceModel, tier: &TierModel) -> Routing {
    let has_own_data = !model.tiers.iter().any(|own| own.role == Role::Sql);
    let is_service = matches!(tier.role, Role::Web | Role::Application);
    match tier.role.is_sharded() || has_own_data && is_service {
        true => Routing::Key,
        false => Routing::Random,
    }
}

fn peak_per_s(goal: &FleetGoal<'_>) -> f64 {
    let traffic = goal.traffic;
    let mean = (traffic.writes_per_month + traffic.reads_per_month) / SECONDS_PER_MONTH;
    mean * traffic.peak
}

/// Lets only misses of the cache go on to the databases, and returns their share. `None` without a cache.
///
/// The CPU time at the databases was measured with the misses of a small cache and few keys. A fleet has other misses.
fn add_cache(
    system: &mut System,
    model: &ServiceModel,
    runs: &StepRuns<'_>,
    fleet_scenario: &Scenario,
    goal: &FleetGoal<'_>,
    assumed: &mut Vec<String>,
) -> Result<Option<f64>, ModelError> {
    let peak_per_s = peak_per_s(goal);
    let shares = mix(runs.scenario);
    let tier = model.tiers.iter().position(|own| own.role == Role::Cache);
    let room = runs.step.stage.as_ref().and(room_each(model));
    let (Some(tier), Some(room), Some(measured_rate)) = (tier, room, runs.step.sustained) else {
        assumed.extend(tier.map(|_| NO_ROOM.to_owned()));
        return Ok(None);
    };
    assumed.push(assumptions());
    let cache = &system.tiers[tier];
    let boxes = cache.copies as f64;
    let before = misses(runs.scenario, &shares, measured_rate, room * boxes);
    let needed =
        peak_per_s * model.tiers[tier].demand_s / (cache.allowed_cores() * goal.utilisation);
    let fleet_boxes = box_count(needed, goal.zones, &cache.name)? as f64;
    let after = misses(fleet_scenario, &shares, peak_per_s, room * fleet_boxes);
    let mut never_missed = Vec::new();
    let paths = system.paths.iter_mut().zip(before.iter().zip(&after));
    for (number, (path, (before, after))) in paths.enumerate() {
        let Some((before, after)) = before.as_ref().zip(after.as_ref()) else {
            continue;
        };
        let is_database =
            |step: &Step| matches!(model.tiers[step.tier].role, Role::Sql | Role::SqlBalancer);
        if !path.steps.iter().any(is_database) && after.share() > 0.0 {
            let request = runs.scenario.requests.get(number);
            never_missed.extend(request.map(|own| format!("`{}`", own.name)));
        }
        for step in path.steps.iter_mut().filter(|step| is_database(step)) {
            if before.share() > 0.0 {
                step.demand = step.demand.scaled(1.0 / before.share());
                step.visits = Visits::Misses(after.clone());
            }
        }
    }
    if !never_missed.is_empty() {
        assumed.push(format!(
            "The cache answered all samples of {}: the time of their misses at the database is unknown, and counts as none",
            never_missed.join(", ")
        ));
    }
    Ok(mean_share(&after, &shares))
}

fn mean_share(misses: &RequestMisses, shares: &[f64]) -> Option<f64> {
    let known = misses.iter().zip(shares);
    let (mut all, mut sum) = (0.0, 0.0);
    for (misses, share) in known {
        if let Some(misses) = misses {
            all += share;
            sum += share * misses.share();
        }
    }
    (all > 0.0).then(|| sum / all)
}

fn p99_ns(trials: &Trials<'_>, outcome: &Outcome) -> Option<f64> {
    let is_sustained = trials.missed(outcome).is_none();
    let p99 = outcome.quantile(0.99, |_| true).filter(|_| is_sustained)?;
    Some(p99 * 1e9)
}

/// Simulates the peak without one of the zones.
fn without_zone(
    system: &System,
    scenario: &Scenario,
    goal: &FleetGoal<'_>,
    peak_per_s: f64,
) -> Result<Option<f64>, ModelError> {
    if goal.zones < 2 {
        return Ok(None);
    }
    let mut rest = system.clone();
    for tier in &mut rest.tiers {
        tier.copies -= tier.copies / goal.zones;
    }
    let trials = Trials::new(&rest, scenario, peak_per_s);
    let outcome = trials.at(peak_per_s)?;
    Ok(p99_ns(&trials, &outcome))
}

fn tiers(system: &System, offered: &[TierUse]) -> Vec<FleetTier> {
    let tiers = system.tiers.iter().zip(offered);
    let tiers = tiers.map(|(tier, used)| FleetTier {
        name: tier.name.clone(),
        boxes: tier.copies,
        sharded: tier.routing == Routing::Key,
        utilisation: used.mean,
        busiest: used.busiest,
    });
    tiers.collect()
}

/// Returns the price of the boxes for a month. `None` without prices, or without the size of a box.
fn price(system: &System, model: &ServiceModel, goal: &FleetGoal<'_>) -> Option<f64> {
    let prices = goal.prices?;
    let tiers = system.tiers.iter().zip(&model.tiers);
    let each = tiers.map(|(simulated, tier)| {
        let one = tier.boxes.first().cloned()?;
        Some(prices.of(&[one])? * simulated.copies as f64)
    });
    each.sum()
}
