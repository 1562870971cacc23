//! What a user of a closed model does.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::arrival::Draw;
use crate::error::ScenarioError;
use crate::fields::{Fields, Value};
use crate::nearest::suggestion;
use crate::request::Request;
use crate::scenario::Scenario;
use crate::stream::{Stream, stream};

/// A sequence of requests that a user makes, thinking before each.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// What it is called.
    pub name: String,
    /// How often it is chosen, in proportion to the other weights.
    pub weight: f64,
    /// Indices into [`Scenario::requests`].
    pub steps: Vec<usize>,
    /// How long the user thinks before each step.
    pub think: Think,
}

/// How long a user thinks: any time between the two is as likely as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Think {
    /// At least.
    pub min: Duration,
    /// At most.
    pub max: Duration,
}

/// One request of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What to send.
    pub draw: Draw,
    /// How long to think before.
    pub think: Duration,
    /// Whether a journey begins with it, so that captured variables are forgotten.
    pub first: bool,
}

/// The steps of one user, without end: journey after journey, each on behalf of a newly drawn user
/// of the service. It depends on nothing but the scenario, its seed and the user's number.
#[derive(Debug, Clone)]
pub struct JourneyWalk<'a> {
    scenario: &'a Scenario,
    random: Stream,
    journey: usize,
    step: usize,
    user: u64,
}

impl Journey {
    /// Reads a `[[journeys]]` table.
    pub(crate) fn read(
        mut fields: Fields<'_>,
        requests: &[Request],
    ) -> Result<Self, ScenarioError> {
        let name = fields.required("name")?.name()?;
        fields.call(format!("journey `{name}`"));
        let weight = match fields.optional("weight") {
            None => 1.0,
            Some(value) => value.number(0.0..=1e9)?,
        };
        let think = match fields.optional("think") {
            None => Think {
                min: Duration::ZERO,
                max: Duration::ZERO,
            },
            Some(value) => Think::read(&value)?,
        };
        let steps_value = fields.required("steps")?;
        let steps = steps_value
            .list()?
            .iter()
            .map(|value| {
                let wanted = value.text()?;
                requests
                    .iter()
                    .position(|request| request.name == wanted)
                    .ok_or_else(|| {
                        value
                            .error(format!(
                                "the scenario has no request `{}`",
                                crate::fields::clip(wanted)
                            ))
                            .maybe_hint(suggestion(
                                wanted,
                                requests.iter().map(|request| request.name.as_str()),
                            ))
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if steps.is_empty() {
            return Err(steps_value.error(format!("journey `{name}` has no steps")));
        }
        fields.finish()?;
        Ok(Self {
            name,
            weight,
            steps,
            think,
        })
    }
}

impl Think {
    /// Reads `"1s"` or `{ min = "500ms", max = "2s" }`.
    fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        if !value.is_table() {
            let fixed = value.duration()?;
            return Ok(Self {
                min: fixed,
                max: fixed,
            });
        }
        let mut fields = value.table("the think time of a journey")?;
        let min = fields.required("min")?.duration()?;
        let max = fields.required("max")?.duration()?;
        fields.finish()?;
        if max < min {
            return Err(value.error("`max` is less than `min`"));
        }
        Ok(Self { min, max })
    }

    /// Returns the mean.
    pub fn mean(&self) -> Duration {
        (self.min + self.max) / 2
    }

    fn draw(&self, random: &mut Stream) -> Duration {
        if self.min == self.max {
            return self.min;
        }
        let nanoseconds =
            |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random.random_range(nanoseconds(self.min)..=nanoseconds(self.max)))
    }
}

impl<'a> JourneyWalk<'a> {
    pub(crate) fn new(scenario: &'a Scenario, user: u64) -> Self {
        let random = stream(scenario.seed, "journey", user);
        Self {
            scenario,
            random,
            journey: 0,
            step: usize::MAX,
            user: 0,
        }
    }

    fn choose(&mut self) {
        let journeys = &self.scenario.journeys;
        let total: f64 = journeys.iter().map(|journey| journey.weight).sum();
        let mut left = self.random.random::<f64>() * total;
        self.journey = journeys
            .iter()
            .position(|journey| {
                left -= journey.weight;
                left < 0.0
            })
            .unwrap_or(0);
        self.user = self
            .scenario
            .user_space
            .draw(&mut self.random, Duration::ZERO)
            .1;
        self.step = 0;
    }
}

impl Iterator for JourneyWalk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let length = self.scenario.journeys.get(self.journey)?.steps.len();
        if self.step >= length {
            self.choose();
        }
        let journey = &self.scenario.journeys[self.journey];
        let request = journey.steps[self.step];
        let first = self.step == 0;
        self.step += 1;
        let think = journey.think.draw(&mut self.random);
        let (rank, key) = match self.scenario.requests[request].key_space {
            None => (0, 0),
            Some(space) => self.scenario.key_spaces[space].draw(&mut self.random, Duration::ZERO),
        };
        let entropy = self.random.next_u64();
        let draw = Draw {
            request,
            key,
            rank,
            user: self.user,
            entropy,
        };
        Some(Step { draw, think, first })
    }
}
