//! Overrides of a scenario from the command line.

use std::time::Duration;

use super::Scenario;
use crate::format::error::ScenarioError;
use crate::format::rate::Rate;
use crate::key_space::popularity::Popularity;
use crate::load::phase::{Phase, Shape};
use crate::load::{Model, USERS_MAX};

/// Overrides of a scenario from the command line.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overrides {
    /// Mean rate over the counted phases; the whole curve is scaled, and a trace runs faster or slower.
    pub rate: Option<Rate>,
    /// Total duration of the counted phases. Warm-up is not changed, and a trace is truncated.
    pub duration: Option<Duration>,
    /// Number of virtual users.
    pub users: Option<u32>,
    /// Seed.
    pub seed: Option<u64>,
}

impl Overrides {
    /// Applies the overrides. The rate comes first, because it changes the duration of a trace.
    pub(crate) fn apply(&self, mut scenario: Scenario) -> Result<Scenario, ScenarioError> {
        let reject = |scenario: &Scenario, message: &str| {
            Err(ScenarioError::whole(&scenario.origin, message.to_owned()))
        };
        if let Some(users) = self.users {
            if users == 0 || u64::from(users) > USERS_MAX {
                return reject(&scenario, "--users must be between 1 and 1000000");
            }
            scenario.load.users = users;
        }
        if let Some(seed) = self.seed {
            scenario.reseed(seed);
        }
        if let Some(rate) = self.rate {
            if scenario.load.model == Model::Closed {
                let error = ScenarioError::whole(
                    &scenario.origin,
                    "--rate can't be used: in a closed model, users set the pace",
                );
                return Err(error.hint("use --users"));
            }
            rescale(&mut scenario, rate)?;
        }
        if let Some(duration) = self.duration {
            if duration < Duration::from_millis(1)
                || duration > Duration::from_secs(365 * 24 * 3600)
            {
                return reject(&scenario, "--duration must be between 1ms and a year");
            }
            stretch(&mut scenario, duration)?;
        }
        Ok(scenario)
    }
}

fn stretch(scenario: &mut Scenario, duration: Duration) -> Result<(), ScenarioError> {
    let counted: Duration = scenario.counted_duration();
    let factor = duration.as_secs_f64() / counted.as_secs_f64();
    let traced = |phase: &Phase| !phase.warm_up && matches!(phase.shape, Shape::Trace(_));
    if factor > 1.0 && scenario.phases.iter().any(traced) {
        let error = ScenarioError::whole(
            &scenario.origin,
            format!(
                "a trace can't be made longer: the counted phases last {}",
                crate::format_duration(counted)
            ),
        );
        return Err(error.hint("give a shorter --duration, or a lower `speed`"));
    }
    let before = scenario.phases.clone();
    for phase in scenario.phases.iter_mut().filter(|phase| !phase.warm_up) {
        phase.stretch(factor);
    }
    // The last counted phase absorbs rounding errors.
    let stretched = scenario.counted_duration();
    if let Some(last) = scenario
        .phases
        .iter_mut()
        .rev()
        .find(|phase| !phase.warm_up)
    {
        last.duration = (last.duration + duration).saturating_sub(stretched);
    }
    scenario.lay_out(&before);
    Ok(())
}

fn rescale(scenario: &mut Scenario, rate: Rate) -> Result<(), ScenarioError> {
    let counted = || scenario.phases.iter().filter(|phase| !phase.warm_up);
    let (mut curve, mut curve_seconds, mut traced, mut traced_seconds) = (0.0, 0.0, 0.0, 0.0);
    for phase in counted() {
        let (sum, seconds) = match phase.shape {
            Shape::Trace(_) => (&mut traced, &mut traced_seconds),
            _ => (&mut curve, &mut curve_seconds),
        };
        *sum += phase.expected_arrivals();
        *seconds += phase.duration.as_secs_f64();
    }
    // The factor f makes (f * curve + traced) arrivals in (curve_seconds + traced_seconds / f).
    let wanted = rate.per_second();
    let b = traced - wanted * curve_seconds;
    let c = wanted * traced_seconds;
    let factor = match curve > 0.0 {
        true => (-b + (b * b + 4.0 * curve * c).sqrt()) / (2.0 * curve),
        false => c / b,
    };
    let peak = scenario
        .phases
        .iter()
        .filter_map(Phase::peak_rate)
        .fold(0.0, f64::max);
    let sensible = factor.is_finite() && factor > 0.0 && Rate::new(peak * factor).is_some();
    if !sensible {
        return Err(ScenarioError::whole(
            &scenario.origin,
            format!("the curve can't be scaled to a mean of {rate}"),
        )
        .hint("the rate must be above 0/s and its peak at most 100M/s"));
    }
    let before = scenario.phases.clone();
    for phase in &mut scenario.phases {
        phase.scale(factor);
    }
    scenario.lay_out(&before);
    Ok(())
}

impl Scenario {
    /// Sets the start times of the phases, and moves the times of flash crowds to the same position in
    /// their phase.
    fn lay_out(&mut self, before: &[Phase]) {
        let mut start = Duration::ZERO;
        for phase in &mut self.phases {
            phase.start = start;
            start = phase.end();
        }
        let phases = &self.phases;
        let moved = |at: Duration| {
            let of = before
                .iter()
                .zip(phases)
                .rev()
                .find(|(old, _)| old.start <= at);
            of.map_or(at, |(old, new)| {
                let within = (at - old.start).as_secs_f64() / old.duration.as_secs_f64();
                new.start + new.duration.mul_f64(within)
            })
        };
        let seed = self.seed;
        for space in self.key_spaces.iter_mut().chain([&mut self.user_space]) {
            if let Popularity::FlashCrowd(crowd) = &mut space.popularity {
                crowd.at = moved(crowd.at);
                *space = space.clone().reseeded(seed);
            }
        }
    }
}
