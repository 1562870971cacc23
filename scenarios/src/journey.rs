//! What a user does, step by step.

use std::time::Duration;

use crate::condition::Condition;
use crate::error::ScenarioError;
use crate::fields::{Fields, Value, clip};
use crate::nearest::suggestion;
use crate::request::Request;
use crate::think::Think;

mod walk;

pub use walk::{JourneyWalk, Step, WalkError};

/// What a user does, step by step, thinking before each.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// What it is called.
    pub name: String,
    /// How often it is chosen, in proportion to the other weights.
    pub weight: f64,
    /// What is done, first to last.
    pub steps: Vec<JourneyStep>,
    /// How long the user thinks before each step that has no time of its own.
    pub think: Think,
    /// The least time from the journey's beginning to that of the user's next one.
    pub pace: Duration,
    /// Whether it ends where a request fails.
    pub ends_on_failure: bool,
    /// Whether it is written in Rust, by a program that uses the generator as a library; it has no
    /// steps then.
    pub in_code: bool,
}

/// One step of a journey.
#[derive(Debug, Clone, PartialEq)]
pub struct JourneyStep {
    /// What is done.
    pub action: Action,
    /// When it is done: always, where there is none.
    pub condition: Option<Condition>,
    /// What is done where the condition does not hold.
    pub otherwise: Vec<JourneyStep>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sends a request.
    Request {
        /// Index into [`Scenario::requests`](crate::Scenario::requests).
        request: usize,
        /// How long the user thinks before, where not as before the journey's other steps.
        think: Option<Think>,
    },
    /// Takes some steps, once or several times.
    Group {
        /// The steps.
        steps: Vec<JourneyStep>,
        /// How often.
        turns: Turns,
    },
}

/// How often a group of steps is taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Turns {
    /// So many times; any number between the two is as likely as any other.
    Times {
        /// At least.
        min: u32,
        /// At most.
        max: u32,
    },
    /// As long as a condition holds before a turn.
    While {
        /// The condition.
        condition: Condition,
        /// The journey is cut off where it holds for more turns than this.
        most: u32,
    },
}

/// The most turns of a group.
const MOST_TURNS: u64 = 1_000_000;
/// The most turns of a `while` that does not say.
const TURNS_OF_WHILE: u32 = 1000;
/// How deep groups may stand within groups.
const DEEPEST: usize = 8;
/// How many steps a journey may have, all groups together.
const MOST_STEPS: usize = 10_000;

impl Journey {
    /// Reads a `[[journeys]]` table.
    pub(crate) fn read(
        mut fields: Fields<'_>,
        requests: &[Request],
        variables: &[String],
    ) -> Result<Self, ScenarioError> {
        let name = fields.required("name")?.name()?;
        fields.call(format!("journey `{name}`"));
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
            left: MOST_STEPS,
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
        if depth > DEEPEST {
            return Err(value.error(format!("steps are nested at most {DEEPEST} deep")));
        }
        let list = value.list()?;
        list.iter().map(|value| self.step(value, depth)).collect()
    }

    /// Reads the name of a request, or a table.
    fn step(&mut self, value: &Value<'_>, depth: usize) -> Result<JourneyStep, ScenarioError> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| value.error(format!("a journey has at most {MOST_STEPS} steps")))?;
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
                return Err(value.error("`else` needs an `if` beside it"));
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
                fields.refuse_unknown()?;
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
                    .hint("`most` bounds the turns of a `while`"));
            }
            let most = match most {
                None => TURNS_OF_WHILE,
                Some(value) => value.count(1..=MOST_TURNS)? as u32,
            };
            return Ok(Some(Turns::While { condition, most }));
        }
        if let Some(value) = most {
            return Err(value.error("`most` needs a `while` beside it"));
        }
        let Some(value) = repeat else {
            return Ok(None);
        };
        if !value.is_table() {
            let times = value.count(0..=MOST_TURNS)? as u32;
            return Ok(Some(Turns::Times {
                min: times,
                max: times,
            }));
        }
        let mut fields = value.table("`repeat`")?;
        let min = fields.required("min")?.count(0..=MOST_TURNS)? as u32;
        let max = fields.required("max")?.count(0..=MOST_TURNS)? as u32;
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
