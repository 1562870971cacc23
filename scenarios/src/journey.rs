//! Journeys: what a user does, step by step.

use std::time::Duration;

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};
use crate::format::nearest::suggestion;
use crate::request::Request;

pub(crate) mod condition;
pub(crate) mod think;

use condition::Condition;
use think::Think;

/// Steps of a user, with think times between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// Name.
    pub name: String,
    /// Frequency, relative to the weights of other journeys.
    pub weight: f64,
    /// Steps, in order.
    pub steps: Vec<JourneyStep>,
    /// Think time before each step without its own.
    pub think: Think,
    /// Minimum time from the start of the journey to the start of the user's next one.
    pub pace: Duration,
    /// True if it ends when a request fails.
    pub ends_on_failure: bool,
    /// True if it is written in Rust, by a program that uses the generator as a library; it has no
    /// steps then.
    pub in_code: bool,
}

/// One step of a journey.
#[derive(Debug, Clone, PartialEq)]
pub struct JourneyStep {
    /// Action.
    pub action: Action,
    /// Condition of the action; unconditional if `None`.
    pub condition: Option<Condition>,
    /// Steps taken if the condition does not hold.
    pub otherwise: Vec<JourneyStep>,
}

/// Action of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sends a request.
    Request {
        /// Index into [`Scenario::requests`](crate::Scenario::requests).
        request: usize,
        /// Think time before it; the journey's if `None`.
        think: Option<Think>,
    },
    /// Takes some steps, once or several times.
    Group {
        /// The steps.
        steps: Vec<JourneyStep>,
        /// Number of repetitions.
        turns: Turns,
    },
}

/// Number of repetitions of a group of steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Turns {
    /// A random number, with equal probability.
    Times {
        /// Minimum.
        min: u32,
        /// Maximum.
        max: u32,
    },
    /// Repeats while a condition holds; it is checked before each turn.
    While {
        /// The condition.
        condition: Condition,
        /// The journey is cut off if the condition holds for more turns.
        most: u32,
    },
}

/// Maximum number of turns of a group.
const TURNS_MAX: u64 = 1_000_000;
/// Default maximum number of turns of a `while`.
const WHILE_TURNS_MAX_DEFAULT: u32 = 1000;
/// Maximum nesting depth of groups.
const DEPTH_MAX: usize = 8;
/// Maximum number of steps in a journey, including nested ones.
const STEPS_MAX: usize = 10_000;

impl Journey {
    /// Reads a `[[journeys]]` table.
    pub(crate) fn read(
        mut fields: Fields<'_>,
        requests: &[Request],
        variables: &[String],
    ) -> Result<Self, ScenarioError> {
        let name = fields.required("name")?.name()?;
        fields.describe(format!("journey `{name}`"));
        let weight = match fields.optional("weight") {
            None => 1.0,
            Some(value) => value.number(0.0..=1e9)?,
        };
        let think = match fields.optional("think") {
            None => Think::NONE,
            Some(value) => Think::read(&value)?,
        };
        let pace = match fields.optional("pace") {
            None => Duration::ZERO,
            Some(value) => value.duration()?,
        };
        let ends_on_failure = match fields.optional("on_failure") {
            None => false,
            Some(value) => value.choice(&[("continue", false), ("end", true)])?,
        };
        let in_code = match fields.optional("in_code") {
            None => false,
            Some(value) => value.flag()?,
        };
        if in_code {
            if let Some(value) = fields.optional("steps") {
                return Err(value.error("a journey in code has no steps"));
            }
            fields.finish()?;
            return Ok(Self {
                name,
                weight,
                steps: Vec::new(),
                think,
                pace,
                ends_on_failure,
                in_code,
            });
        }
        let steps_value = fields.required("steps")?;
        let mut reader = StepReader {
            requests,
            variables,
            left: STEPS_MAX,
        };
        let steps = reader.list(&steps_value, 0)?;
        if steps.is_empty() {
            return Err(steps_value.error(format!("journey `{name}` has no steps")));
        }
        fields.finish()?;
        Ok(Self {
            name,
            weight,
            steps,
            think,
            pace,
            ends_on_failure,
            in_code,
        })
    }

    /// Returns the requests that it may send, in the order in which they are written.
    pub fn requests(&self) -> Vec<usize> {
        let mut requests = Vec::new();
        self.steps
            .iter()
            .for_each(|step| step.add_requests(&mut requests));
        requests
    }
}

impl JourneyStep {
    fn add_requests(&self, requests: &mut Vec<usize>) {
        match &self.action {
            Action::Request { request, .. } => requests.push(*request),
            Action::Group { steps, .. } => {
                steps.iter().for_each(|step| step.add_requests(requests));
            }
        }
        self.otherwise
            .iter()
            .for_each(|step| step.add_requests(requests));
    }
}

struct StepReader<'a> {
    requests: &'a [Request],
    variables: &'a [String],
    left: usize,
}

impl StepReader<'_> {
    fn list(&mut self, value: &Value<'_>, depth: usize) -> Result<Vec<JourneyStep>, ScenarioError> {
        if depth > DEPTH_MAX {
            return Err(value.error(format!("steps are nested at most {DEPTH_MAX} deep")));
        }
        let list = value.list()?;
        list.iter().map(|value| self.step(value, depth)).collect()
    }

    /// Reads the name of a request, or a table.
    fn step(&mut self, value: &Value<'_>, depth: usize) -> Result<JourneyStep, ScenarioError> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| value.error(format!("a journey has at most {STEPS_MAX} steps")))?;
        if value.is_text() {
            return Ok(JourneyStep {
                action: Action::Request {
                    request: self.request(value)?,
                    think: None,
                },
                condition: None,
                otherwise: Vec::new(),
            });
        }
        if !value.is_table() {
            return Err(value
                .wrong_type("the name of a request, or a table")
                .hint("write \"read post\" or { request = \"read post\", if = ... }"));
        }
        let mut fields = value.table("a step")?;
        let condition = self.condition(&mut fields, "if")?;
        let otherwise = match fields.optional("else") {
            None => Vec::new(),
            Some(value) if condition.is_none() => {
                return Err(value.error("`else` requires `if`"));
            }
            Some(value) => self.list(&value, depth + 1)?,
        };
        let turns = self.turns(value, &mut fields)?;
        let think = fields
            .optional("think")
            .map(|think| Think::read(&think))
            .transpose()?;
        let action = match (fields.optional("request"), fields.optional("steps")) {
            (Some(request), None) => {
                let request = self.request(&request)?;
                let action = Action::Request { request, think };
                match turns {
                    None => action,
                    Some(turns) => Action::Group {
                        steps: vec![JourneyStep {
                            action,
                            condition: None,
                            otherwise: Vec::new(),
                        }],
                        turns,
                    },
                }
            }
            (None, Some(steps)) => {
                if think.is_some() {
                    return Err(value
                        .error("a group of steps has no `think`")
                        .hint("give it to the steps, or to the journey"));
                }
                let inner = self.list(&steps, depth + 1)?;
                if inner.is_empty() {
                    return Err(steps.error("a group of steps is empty"));
                }
                Action::Group {
                    steps: inner,
                    turns: turns.unwrap_or(Turns::Times { min: 1, max: 1 }),
                }
            }
            (Some(_), Some(_)) => {
                return Err(value.error("a step has either `request` or `steps`, not both"));
            }
            (None, None) => {
                fields.reject_unknown()?;
                return Err(value.error("a step needs `request` or `steps`"));
            }
        };
        fields.finish()?;
        Ok(JourneyStep {
            action,
            condition,
            otherwise,
        })
    }

    fn turns(
        &self,
        step: &Value<'_>,
        fields: &mut Fields<'_>,
    ) -> Result<Option<Turns>, ScenarioError> {
        let condition = self.condition(fields, "while")?;
        let most = fields.optional("most");
        let repeat = fields.optional("repeat");
        if let Some(condition) = condition {
            if repeat.is_some() {
                return Err(step
                    .error("a step has either `repeat` or `while`, not both")
                    .hint("use `most` to limit the turns of a `while`"));
            }
            let most = match most {
                None => WHILE_TURNS_MAX_DEFAULT,
                Some(value) => value.count(1..=TURNS_MAX)? as u32,
            };
            return Ok(Some(Turns::While { condition, most }));
        }
        if let Some(value) = most {
            return Err(value.error("`most` requires `while`"));
        }
        let Some(value) = repeat else {
            return Ok(None);
        };
        if !value.is_table() {
            let times = value.count(0..=TURNS_MAX)? as u32;
            return Ok(Some(Turns::Times {
                min: times,
                max: times,
            }));
        }
        let mut fields = value.table("`repeat`")?;
        let min = fields.required("min")?.count(0..=TURNS_MAX)? as u32;
        let max = fields.required("max")?.count(0..=TURNS_MAX)? as u32;
        fields.finish()?;
        if max < min {
            return Err(value.error("`max` is less than `min`"));
        }
        Ok(Some(Turns::Times { min, max }))
    }

    fn condition(
        &self,
        fields: &mut Fields<'_>,
        name: &'static str,
    ) -> Result<Option<Condition>, ScenarioError> {
        let Some(value) = fields.optional(name) else {
            return Ok(None);
        };
        Condition::parse(value.text()?, self.variables)
            .map(Some)
            .map_err(|error| value.error(error.message).maybe_hint(error.hint))
    }

    fn request(&self, value: &Value<'_>) -> Result<usize, ScenarioError> {
        let wanted = value.text()?;
        self.requests
            .iter()
            .position(|request| request.name == wanted)
            .ok_or_else(|| {
                value
                    .error(format!("the scenario has no request `{}`", clip(wanted)))
                    .maybe_hint(suggestion(
                        wanted,
                        self.requests.iter().map(|request| request.name.as_str()),
                    ))
            })
    }
}
