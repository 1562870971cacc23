//! A user on its way through journeys.

use std::fmt;
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};

use crate::arrival::Draw;
use crate::condition::{Condition, LastAnswer};
use crate::journey::{Action, Journey, JourneyStep, Turns};
use crate::scenario::Scenario;
use crate::side::Side;
use crate::stream::{Stream, stream};
use crate::think::Think;
use crate::variables::Variables;

/// One request of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What to send.
    pub draw: Draw,
    /// How long to think before.
    pub think: Duration,
    /// Whether a journey begins with it.
    pub first: bool,
}

/// A user on its way: journey after journey, each on behalf of a newly drawn user of the service.
///
/// Where it goes depends on the scenario, its seed, the user's number, and on what answers told:
/// the variables and the last status, which conditions ask for.
#[derive(Debug, Clone)]
pub struct JourneyWalk<'a> {
    scenario: &'a Scenario,
    random: Stream,
    number: Number,
    /// Journeys begun.
    begun: u64,
    /// Those that it may go through.
    journeys: &'a [Journey],
    journey: &'a Journey,
    frames: Vec<Frame<'a>>,
    /// Requests of this journey so far.
    taken: u32,
    user: u64,
    turn: u64,
}

/// Why a journey was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WalkError {
    /// A `while` held for more turns than it may.
    While {
        /// The condition, as written.
        condition: String,
        /// The turns it may have.
        most: u32,
    },
    /// It sent more requests than a journey may.
    TooLong,
    /// Its conditions and loops went round without a request.
    Idle,
}

/// Who walks.
#[derive(Debug, Clone, Copy)]
enum Number {
    /// A user of a closed model.
    User(u64),
    /// An arrival of an open model.
    Arrival(u64),
}

/// A list of steps under way.
#[derive(Debug, Clone)]
struct Frame<'a> {
    steps: &'a [JourneyStep],
    next: usize,
    again: Again<'a>,
}

/// What comes after the last step of a frame.
#[derive(Debug, Clone, Copy)]
enum Again<'a> {
    Times { left: u32 },
    While { turns: &'a Turns, done: u32 },
}

/// Requests that one journey may send.
const MOST_REQUESTS: u32 = 1_000_000;
/// Steps left out, and loops gone round, between two requests. All users share one thread, so that
/// what one does without a request delays all others: some tenths of a millisecond of it.
const MOST_MOVES: u32 = 10_000;
/// So many bytes of a condition take as long to judge as one move.
const MOVE_BYTES: usize = 16;

impl<'a> JourneyWalk<'a> {
    /// Returns the walk of a user of a closed model; none where there are no journeys.
    pub(crate) fn of_user(scenario: &'a Scenario, user: u64) -> Option<Self> {
        let random = stream(scenario.seed, "journey", user);
        Self::new(scenario, random, Number::User(user), Side::Baseline)
    }

    /// Returns the walk that an arrival of an open model begins: one journey, on one side. It is
    /// the same on both, as far as the answers are.
    pub(crate) fn of_arrival(scenario: &'a Scenario, sequence: u64, side: Side) -> Option<Self> {
        let random = stream(scenario.seed, "arriving journey", sequence);
        Self::new(scenario, random, Number::Arrival(sequence), side)
    }

    fn new(scenario: &'a Scenario, random: Stream, number: Number, side: Side) -> Option<Self> {
        let journeys = scenario.journeys_of(side);
        Some(Self {
            scenario,
            random,
            number,
            begun: 0,
            journeys,
            journey: journeys.first()?,
            frames: Vec::new(),
            taken: 0,
            user: 0,
            turn: 0,
        })
    }

    /// Begins the next journey: draws which, and on behalf of whom; forgets what the last one told,
    /// and takes its rows of data.
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
            // All users' journeys take turns, so that no two of them have the same.
            Number::User(user) => {
                let before = self.begun.wrapping_mul(u64::from(scenario.load.users));
                (before.wrapping_add(user), user)
            }
            Number::Arrival(sequence) => (sequence, self.user),
        };
        self.turn = turn;
        self.begun += 1;
        self.taken = 0;
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

    /// Returns the next request of the journey; none where it is over.
    ///
    /// # Errors
    /// Fails where the journey has to be cut off; it is over then.
    pub fn next_step(
        &mut self,
        variables: &Variables,
        last: LastAnswer,
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
        self.taken += 1;
        let first = self.taken == 1;
        Ok(Some(Step { draw, think, first }))
    }

    /// Returns the walk of a journey in code: this journey, with random numbers of its own.
    pub fn branch(&mut self) -> Self {
        let random = Stream::seed_from_u64(self.random.next_u64());
        Self {
            random,
            ..self.clone()
        }
    }

    /// Draws what a request of this journey is about.
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

    /// Goes on at the first step of the journey that sends a request; false where there is none.
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

    /// Ends the journey here.
    pub fn end(&mut self) {
        self.frames.clear();
    }

    fn find(
        &mut self,
        variables: &Variables,
        last: LastAnswer,
    ) -> Result<Option<(usize, Think)>, WalkError> {
        let mut moves = 0;
        while moves < MOST_MOVES {
            moves += 1;
            let Some(frame) = self.frames.last_mut() else {
                return Ok(None);
            };
            let Some(step) = frame.steps.get(frame.next) else {
                moves += frame.condition().map_or(0, cost);
                if frame.begins_again(variables, last)? {
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
                    if self.taken >= MOST_REQUESTS {
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

    /// What is asked before its steps are taken once more.
    fn condition(&self) -> Option<&'a Condition> {
        match self.again {
            Again::While {
                turns: Turns::While { condition, .. },
                ..
            } => Some(condition),
            _ => None,
        }
    }

    /// Says whether its steps are to be taken once more.
    fn begins_again(&mut self, variables: &Variables, last: LastAnswer) -> Result<bool, WalkError> {
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

/// The moves that a condition counts for.
fn cost(condition: &Condition) -> u32 {
    (condition.text.len() / MOVE_BYTES) as u32
}

/// Finds the first step that sends a request, and the frames that lead there.
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
                "`while = '{condition}'` held for {most} turns; correct it, or raise `most`"
            ),
            Self::TooLong => write!(f, "it sent {MOST_REQUESTS} requests"),
            Self::Idle => write!(
                f,
                "its loops and conditions made {MOST_MOVES} moves without a request; let them turn \
                 less often, or put a request into them"
            ),
        }
    }
}

impl std::error::Error for WalkError {}
