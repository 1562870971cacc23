//! Schedules: all arrivals of a run in time order.

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::journey::condition::LastResponse;
use crate::load::curve::Segment;
use crate::load::phase::{Shape, Trace};
use crate::random::stream::{Stream, stream};
use crate::request::draw::Draw;
use crate::request::side::Side;
use crate::request::variables::Variables;
use crate::scenario::Scenario;

pub(crate) mod arrival;
pub(crate) mod journey_walk;
mod mix;
pub(crate) mod preview;
pub(crate) mod share;
mod single;

use arrival::Arrival;
use journey_walk::JourneyWalk;
use mix::Mix;

/// All arrivals in time order, as an iterator with constant memory.
///
/// Depends only on the scenario and its seed. Times, mix, keys and users have separate random numbers,
/// so changing one leaves the others unchanged. Arrivals of a paired scenario come in pairs
/// ([`Scenario::paired`]).
#[derive(Debug, Clone)]
pub struct Schedule<'a> {
    scenario: &'a Scenario,
    pieces: Vec<Piece<'a>>,
    piece: usize,
    /// Cumulative rate between the start of the piece and the next arrival.
    mass: f64,
    /// Time of the last arrival in this piece, in seconds from its start.
    last_seconds: f64,
    /// Next entry of a trace.
    entry: usize,
    last_ns: Option<u64>,
    sequence: u64,
    /// Number of draws so far: one per arrival, or one per pair.
    turn: u64,
    pairs: Option<Pairs>,
    mix: Option<Mix>,
    /// Variables for the first step of a journey, if arrivals start journeys.
    variables: Option<Variables>,
    times: Stream,
    order: Stream,
    keys: Vec<Stream>,
    users: Stream,
    entropy: Stream,
}

/// State for pairs of arrivals.
#[derive(Debug, Clone)]
struct Pairs {
    /// Decides which side goes first, and which of two times determines the request.
    random: Stream,
    /// Second arrival of a pair whose first has been returned.
    second: Option<Arrival>,
}

/// A part of a phase.
#[derive(Debug, Clone)]
struct Piece<'a> {
    phase: usize,
    start_ns: u64,
    end_ns: u64,
    source: Source<'a>,
}

/// Time of the next arrival.
#[derive(Debug, Clone, Copy)]
struct Due {
    phase: usize,
    at_ns: u64,
    /// In a trace: the request and the index of the entry.
    recorded: Option<(usize, u64)>,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Curve { segment: Segment, total: f64 },
    Trace(&'a Trace),
}

impl Scenario {
    /// Returns the schedule of all arrivals; empty in a closed model.
    pub fn schedule(&self) -> Schedule<'_> {
        Schedule::new(self)
    }
}

impl<'a> Schedule<'a> {
    pub(crate) fn new(scenario: &'a Scenario) -> Self {
        let seed = scenario.seed;
        let mut times = stream(seed, "times", 0);
        let keys = scenario.key_spaces.iter();
        Self {
            scenario,
            pieces: pieces(scenario),
            piece: 0,
            mass: scenario.load.arrivals.first_step(&mut times),
            last_seconds: 0.0,
            entry: 0,
            last_ns: None,
            sequence: 0,
            turn: 0,
            pairs: scenario.is_paired().then(|| Pairs {
                random: stream(seed, "sides", 0),
                second: None,
            }),
            mix: Mix::new(scenario.baseline_requests()),
            variables: scenario.journeys_arrive().then(|| scenario.variables()),
            times,
            order: stream(seed, "order", 0),
            keys: keys
                .map(|keys| stream(seed, &format!("keys {}", keys.name), 0))
                .collect(),
            users: stream(seed, "users", 0),
            entropy: stream(seed, "entropy", 0),
        }
    }

    fn advance(&mut self) -> Option<Due> {
        loop {
            let piece = self.pieces.get(self.piece)?;
            match &piece.source {
                Source::Curve { segment, total } => {
                    if self.mass < *total {
                        let seconds = segment.time_of(self.mass, self.last_seconds);
                        self.last_seconds = seconds;
                        let offset = (seconds * 1e9).round().max(0.0) as u64;
                        let at = (piece.start_ns + offset).min(piece.end_ns - 1);
                        self.mass += self.scenario.load.arrivals.step(&mut self.times);
                        return Some(Due {
                            phase: piece.phase,
                            at_ns: at,
                            recorded: None,
                        });
                    }
                    self.mass -= total;
                }
                Source::Trace(trace) => {
                    if let Some(entry) = trace.entries.get(self.entry) {
                        let at = piece.start_ns + trace.intended(entry.at_ns).as_nanos() as u64;
                        if at < piece.end_ns {
                            let index = trace.first + self.entry as u64;
                            self.entry += 1;
                            let recorded = Some((entry.request as usize, index));
                            return Some(Due {
                                phase: piece.phase,
                                at_ns: at,
                                recorded,
                            });
                        }
                    }
                }
            }
            self.piece += 1;
            (self.last_seconds, self.entry) = (0.0, 0);
        }
    }
}

impl Schedule<'_> {
    /// Returns the time of the next arrival. Times are unique to the nanosecond.
    fn due(&mut self) -> Option<Due> {
        let mut due = self.advance()?;
        if let Some(last) = self.last_ns
            && due.at_ns <= last
        {
            due.at_ns = last + 1;
            // Arrivals crowded at the end of a phase may spill into the next one.
            let phases = &self.scenario.phases;
            while due.at_ns >= phases[due.phase].end().as_nanos() as u64
                && due.phase + 1 < phases.len()
            {
                due.phase += 1;
            }
        }
        self.last_ns = Some(due.at_ns);
        Some(due)
    }

    /// Returns the draw for a time.
    fn draw(&mut self, due: Due) -> Option<Draw> {
        let intended = Duration::from_nanos(due.at_ns);
        let user = self.scenario.user_space.draw(&mut self.users, intended).1;
        let entropy = self.entropy.next_u64();
        let turn = self.turn;
        self.turn += 1;
        if let Some((request, entry)) = due.recorded {
            return Some(Draw {
                request,
                key: entry,
                rank: 0,
                user,
                entropy,
                turn,
            });
        }
        if self.variables.is_some() {
            return Some(self.first_step(turn));
        }
        let request = self.mix.as_mut()?.next(&mut self.order);
        let (rank, key) = match self.scenario.requests[request].key_space {
            None => (0, 0),
            Some(space) => self.scenario.key_spaces[space].draw(&mut self.keys[space], intended),
        };
        Some(Draw {
            request,
            key,
            rank,
            user,
            entropy,
            turn,
        })
    }

    /// Returns the first request of the journey that an arrival starts.
    ///
    /// If its conditions exclude all requests, the journey starts with its first request anyway, so
    /// that the schedule doesn't depend on responses.
    fn first_step(&mut self, turn: u64) -> Draw {
        let nothing = Draw {
            turn,
            ..Draw::default()
        };
        let walk = JourneyWalk::of_arrival(self.scenario, turn, Side::Baseline);
        let (Some(mut walk), Some(variables)) = (walk, &mut self.variables) else {
            return nothing;
        };
        let journey = walk.begin(variables);
        match walk.next_step(variables, LastResponse::default()) {
            Ok(Some(step)) => step.draw,
            Ok(None) | Err(_) => Draw {
                request: journey.requests().first().copied().unwrap_or(0),
                ..nothing
            },
        }
    }

    fn arrival(&mut self, due: Due, draw: Draw) -> Arrival {
        let sequence = self.sequence;
        self.sequence += 1;
        Arrival {
            sequence,
            intended: Duration::from_nanos(due.at_ns),
            phase: due.phase,
            draw,
        }
    }

    /// Returns the next arrival of a paired scenario.
    fn next_of_pairs(&mut self) -> Option<Arrival> {
        if let Some(second) = self.pairs.as_mut()?.second.take() {
            return Some(second);
        }
        let dues = [self.due()?, self.due()?];
        let random = &mut self.pairs.as_mut()?.random;
        let (side, chosen) = (random.random::<bool>(), random.random::<bool>());
        let side = match side {
            true => Side::Baseline,
            false => Side::Candidate,
        };
        // The time may determine the request (in a trace) or the popular keys, so one of the two is
        // used for both.
        let draw = self.draw(dues[usize::from(chosen)])?;
        let [first, second] = [(dues[0], side), (dues[1], side.other())]
            .map(|(due, side)| self.arrival(due, self.scenario.on_side(draw, side)));
        self.pairs.as_mut()?.second = Some(second);
        Some(first)
    }
}

impl Iterator for Schedule<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        if self.pairs.is_some() {
            return self.next_of_pairs();
        }
        let due = self.due()?;
        let draw = self.draw(due)?;
        Some(self.arrival(due, draw))
    }
}

fn pieces(scenario: &Scenario) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for (index, phase) in scenario.phases.iter().enumerate() {
        let start_ns = phase.start.as_nanos() as u64;
        let end_ns = phase.end().as_nanos() as u64;
        if let Shape::Trace(trace) = &phase.shape {
            pieces.push(Piece {
                phase: index,
                start_ns,
                end_ns,
                source: Source::Trace(trace),
            });
            continue;
        }
        let mut seconds = 0.0;
        for segment in phase.segments() {
            let from = start_ns + (seconds * 1e9_f64).round() as u64;
            seconds += segment.seconds;
            let to = (start_ns + (seconds * 1e9).round() as u64).min(end_ns);
            if to > from {
                let total = segment.total();
                let source = Source::Curve { segment, total };
                pieces.push(Piece {
                    phase: index,
                    start_ns: from,
                    end_ns: to,
                    source,
                });
            }
        }
    }
    pieces
}
