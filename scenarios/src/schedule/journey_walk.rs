//! Course of a user through journeys.

use std::fmt;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};

use crate::journey::condition::{Condition, LastResponse};
use crate::journey::think::Think;
use crate::journey::{Action, Journey, JourneyStep, Turns};
use crate::load::Model;
use crate::random::stream::{Stream, stream};
use crate::request::draw::Draw;
use crate::request::side::Side;
use crate::request::variables::Variables;
use crate::scenario::Scenario;

/// One request of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Request to send.
    pub draw: Draw,
    /// Think time before it.
    pub think: Duration,
    /// True if a journey starts with it.
    pub first: bool,
}

/// Course of a user through journeys, each on behalf of a newly drawn user of the service.
///
/// Depends on the scenario, its seed, the user's number, and on responses: conditions use variables and
/// the last status.
#[derive(Debug, Clone)]
pub struct JourneyWalk<'a> {
    scenario: &'a Scenario,
    random: Stream,
    number: Owner,
    /// Number of journeys started.
    begun: u64,
    /// Journeys to choose from.
    journeys: &'a [Journey],
    journey: &'a Journey,
    frames: Vec<Frame<'a>>,
    /// Number of requests in this journey so far.
    sent: u32,
    user: u64,
    turn: u64,
}

/// Reason why a journey was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalkError {
    /// A `while` exceeded its maximum number of turns.
    While {
        /// The condition, as written.
        condition: String,
        /// Maximum number of turns.
        most: u32,
    },
    /// The journey exceeded the maximum number of requests.
    TooLong,
    /// Conditions and loops ran without a request.
    Idle,
}

/// Owner of the walk.
#[derive(Debug, Clone, Copy)]
enum Owner {
    /// A user of a closed model.
    User(u64),
    /// An arrival of an open model.
    Arrival(u64),
}

/// A list of steps in progress.
#[derive(Debug, Clone)]
struct Frame<'a> {
    steps: &'a [JourneyStep],
    next: usize,
    again: Again<'a>,
}

/// Continuation after the last step of a frame.
#[derive(Debug, Clone, Copy)]
enum Again<'a> {
    Times { left: u32 },
    While { turns: &'a Turns, done: u32 },
}

/// Maximum number of requests of one journey.
const REQUESTS_MAX: u32 = 1_000_000;
/// Maximum number of moves (skipped steps and loop turns) between two requests. All users share one
/// thread, so moves without a request delay the others, by a few tenths of a millisecond at most.
const MOVES_MAX: u32 = 10_000;
/// Number of bytes in a condition that take as long to evaluate as one move.
const MOVE_BYTES: usize = 16;

impl Scenario {
    /// Returns the walk of a user; `None` in an open model.
    pub fn journey_walk(&self, user: u64) -> Option<JourneyWalk<'_>> {
        (self.load.model == Model::Closed)
            .then(|| JourneyWalk::of_user(self, user))
            .flatten()
    }

    /// Returns the walk that an arrival starts, with its own request as the first step; `None` if
    /// arrivals are single requests.
    pub fn arriving_walk(&self, draw: &Draw) -> Option<JourneyWalk<'_>> {
        self.journeys_arrive()
            .then(|| JourneyWalk::of_arrival(self, draw.turn, self.side_of(draw.request)))
            .flatten()
    }
}

impl<'a> JourneyWalk<'a> {
    /// Returns the walk of a user of a closed model; `None` without journeys.
    pub(crate) fn of_user(scenario: &'a Scenario, user: u64) -> Option<Self> {
        let random = stream(scenario.seed, "journey", user);
        Self::new(scenario, random, Owner::User(user), Side::Baseline)
    }

    /// Returns the walk that an arrival of an open model starts: one journey, on one side. It is the
    /// same on both sides if the responses are.
    pub(crate) fn of_arrival(scenario: &'a Scenario, sequence: u64, side: Side) -> Option<Self> {
        let random = stream(scenario.seed, "arriving journey", sequence);
        Self::new(scenario, random, Owner::Arrival(sequence), side)
    }

    /// Returns the walk through a single journey, by index; `None` if there is no such journey.
    pub(super) fn of_journey(scenario: &'a Scenario, journey: usize) -> Option<Self> {
        let random = stream(scenario.seed, "single journey", journey as u64);
        let journeys = scenario.journeys.get(journey..=journey)?;
        Self::through(scenario, random, Owner::User(0), journeys)
    }

    fn new(scenario: &'a Scenario, random: Stream, number: Owner, side: Side) -> Option<Self> {
        Self::through(scenario, random, number, scenario.journeys_of(side))
    }

    fn through(
        scenario: &'a Scenario,
        random: Stream,
        number: Owner,
        journeys: &'a [Journey],
    ) -> Option<Self> {
        Some(Self {
            scenario,
            random,
            number,
            begun: 0,
            journeys,
            journey: journeys.first()?,
            frames: Vec::new(),
            sent: 0,
            user: 0,
            turn: 0,
        })
    }

    /// Starts the next journey: draws it and its user, resets the variables, and sets those from data.
    pub fn begin(&mut self, variables: &mut Variables) -> &'a Journey {
        let scenario = self.scenario;
        let journeys = self.journeys;
        let total: f64 = journeys.iter().map(|journey| journey.weight).sum();
        let mut left = self.random.random::<f64>() * total;
        let chosen = journeys.iter().find(|journey| {
            left -= journey.weight;
            left < 0.0
        });
        self.journey = chosen.unwrap_or(self.journey);
        self.user = scenario.user_space.draw(&mut self.random, Duration::ZERO).1;
        let (turn, seat) = match self.number {
            // All users share the sequence of rows, so that no two journeys get the same row.
            Owner::User(user) => {
                let before = self.begun.wrapping_mul(u64::from(scenario.load.users));
                (before.wrapping_add(user), user)
            }
            Owner::Arrival(sequence) => (sequence, self.user),
        };
        self.turn = turn;
        self.begun += 1;
        self.sent = 0;
        self.frames.clear();
        self.frames.push(Frame::once(&self.journey.steps));
        variables.clear();
        for data in scenario.names.data.iter() {
            let row = data.draw_row(&mut self.random, turn, seat);
            for column in 0..data.columns.len() {
                let cell = data.cell(row, column).to_owned();
                variables.set(data.first_variable + column, cell);
            }
        }
        self.journey
    }

    /// Returns the next request of the journey; `None` at its end.
    ///
    /// # Errors
    /// Fails if the journey is cut off, which ends it.
    pub fn next_step(
        &mut self,
        variables: &Variables,
        last: LastResponse,
    ) -> Result<Option<Step>, WalkError> {
        let found = self.find(variables, last);
        if found.is_err() {
            self.frames.clear();
        }
        let Some((request, think)) = found? else {
            return Ok(None);
        };
        let think = think.draw(&mut self.random);
        let draw = self.draw(request);
        self.sent += 1;
        let first = self.sent == 1;
        Ok(Some(Step { draw, think, first }))
    }

    /// Returns the walk of a journey in code: this journey, with its own random numbers.
    pub fn branch(&mut self) -> Self {
        let random = Stream::seed_from_u64(self.random.next_u64());
        Self {
            random,
            ..self.clone()
        }
    }

    /// Draws the choices for a request of this journey.
    pub fn draw(&mut self, request: usize) -> Draw {
        let (rank, key) = match self.scenario.requests[request].key_space {
            None => (0, 0),
            Some(space) => self.scenario.key_spaces[space].draw(&mut self.random, Duration::ZERO),
        };
        Draw {
            request,
            key,
            rank,
            user: self.user,
            entropy: self.random.next_u64(),
            turn: self.turn,
        }
    }

    /// Continues at the first step that sends `request`; returns false if there is none.
    pub fn jump(&mut self, request: usize) -> bool {
        let mut frames = Vec::new();
        let found = seek(
            &self.journey.steps,
            Again::Times { left: 0 },
            request,
            &mut frames,
        );
        if found {
            self.frames = frames;
        }
        found
    }

    /// Ends the journey.
    pub fn end(&mut self) {
        self.frames.clear();
    }

    fn find(
        &mut self,
        variables: &Variables,
        last: LastResponse,
    ) -> Result<Option<(usize, Think)>, WalkError> {
        let mut moves = 0;
        while moves < MOVES_MAX {
            moves += 1;
            let Some(frame) = self.frames.last_mut() else {
                return Ok(None);
            };
            let Some(step) = frame.steps.get(frame.next) else {
                moves += frame.condition().map_or(0, cost);
                if frame.repeats(variables, last)? {
                    frame.next = 0;
                } else {
                    self.frames.pop();
                }
                continue;
            };
            frame.next += 1;
            moves += step.condition.as_ref().map_or(0, cost);
            if let Some(condition) = &step.condition
                && !condition.holds(variables, last)
            {
                if !step.otherwise.is_empty() {
                    self.frames.push(Frame::once(&step.otherwise));
                }
                continue;
            }
            match &step.action {
                Action::Request { request, think } => {
                    if self.sent >= REQUESTS_MAX {
                        return Err(WalkError::TooLong);
                    }
                    return Ok(Some((*request, think.unwrap_or(self.journey.think))));
                }
                Action::Group { steps, turns } => {
                    let again = match turns {
                        Turns::Times { min, max } => {
                            let times = match min == max {
                                true => *min,
                                false => self.random.random_range(*min..=*max),
                            };
                            let Some(left) = times.checked_sub(1) else {
                                continue;
                            };
                            Again::Times { left }
                        }
                        Turns::While { condition, .. } => {
                            moves += cost(condition);
                            if !condition.holds(variables, last) {
                                continue;
                            }
                            Again::While { turns, done: 1 }
                        }
                    };
                    self.frames.push(Frame {
                        steps,
                        next: 0,
                        again,
                    });
                }
            }
        }
        Err(WalkError::Idle)
    }
}

impl<'a> Frame<'a> {
    fn once(steps: &'a [JourneyStep]) -> Self {
        Self {
            steps,
            next: 0,
            again: Again::Times { left: 0 },
        }
    }

    /// Condition for taking the steps once more.
    fn condition(&self) -> Option<&'a Condition> {
        match self.again {
            Again::While {
                turns: Turns::While { condition, .. },
                ..
            } => Some(condition),
            _ => None,
        }
    }

    /// Returns whether to take the steps once more.
    fn repeats(&mut self, variables: &Variables, last: LastResponse) -> Result<bool, WalkError> {
        match &mut self.again {
            Again::Times { left } => {
                let again = *left > 0;
                *left = left.saturating_sub(1);
                Ok(again)
            }
            Again::While { turns, done } => {
                let Turns::While { condition, most } = turns else {
                    return Ok(false);
                };
                if !condition.holds(variables, last) {
                    return Ok(false);
                }
                if *done >= *most {
                    return Err(WalkError::While {
                        condition: condition.text.clone(),
                        most: *most,
                    });
                }
                *done += 1;
                Ok(true)
            }
        }
    }
}

/// Number of moves that a condition counts as.
fn cost(condition: &Condition) -> u32 {
    (condition.text.len() / MOVE_BYTES) as u32
}

/// Finds the first step that sends a request, and the frames that lead to it.
fn seek<'a>(
    steps: &'a [JourneyStep],
    again: Again<'a>,
    wanted: usize,
    frames: &mut Vec<Frame<'a>>,
) -> bool {
    for (index, step) in steps.iter().enumerate() {
        let (next, found) = match &step.action {
            Action::Request { request, .. } => (index, *request == wanted),
            Action::Group { .. } => (index + 1, false),
        };
        frames.push(Frame { steps, next, again });
        let once = Again::Times { left: 0 };
        let found = found
            || match &step.action {
                Action::Request { .. } => false,
                Action::Group { steps, turns } => {
                    let again = match turns {
                        Turns::Times { max, .. } => Again::Times {
                            left: max.saturating_sub(1),
                        },
                        Turns::While { .. } => Again::While { turns, done: 1 },
                    };
                    seek(steps, again, wanted, frames)
                }
            };
        if found {
            return true;
        }
        frames.pop();
        frames.push(Frame {
            steps,
            next: index + 1,
            again,
        });
        if seek(&step.otherwise, once, wanted, frames) {
            return true;
        }
        frames.pop();
    }
    false
}

impl fmt::Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::While { condition, most } => write!(
                f,
                "`while = '{condition}'` held for {most} turns; fix it or increase `most`"
            ),
            Self::TooLong => write!(f, "it sent {REQUESTS_MAX} requests"),
            Self::Idle => write!(
                f,
                "its loops and conditions made {MOVES_MAX} moves without a request; let them turn \
                 less often, or put a request into them"
            ),
        }
    }
}

impl std::error::Error for WalkError {}
