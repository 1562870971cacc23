//! The plan of all arrivals.

use std::time::Duration;

use rand::Rng;

use crate::arrival::{Arrival, Draw};
use crate::condition::LastAnswer;
use crate::curve::Segment;
use crate::journey::JourneyWalk;
use crate::mix::Mix;
use crate::phase::{Shape, Trace};
use crate::scenario::Scenario;
use crate::stream::{Stream, stream};
use crate::variables::Variables;

/// The plan of all arrivals, in time order: an iterator that needs the same memory however long
/// the run is.
///
/// It depends on nothing but the scenario and its seed; times, mix, keys and users each have random
/// numbers of their own, so that a change to one leaves the others as they were.
#[derive(Debug, Clone)]
pub struct Schedule<'a> {
    scenario: &'a Scenario,
    pieces: Vec<Piece<'a>>,
    piece: usize,
    /// How much of the cumulative rate lies between the start of the piece and the next arrival.
    mass: f64,
    /// When the last arrival of this piece was, in seconds after the piece's start.
    last_seconds: f64,
    /// The next entry, in a trace.
    entry: usize,
    last_ns: Option<u64>,
    sequence: u64,
    mix: Option<Mix>,
    /// Where each arrival begins a journey, variables to find its first step with.
    variables: Option<Variables>,
    times: Stream,
    order: Stream,
    keys: Vec<Stream>,
    users: Stream,
    entropy: Stream,
}

/// A stretch of a phase.
#[derive(Debug, Clone)]
struct Piece<'a> {
    phase: usize,
    start_ns: u64,
    end_ns: u64,
    source: Source<'a>,
}

/// When the next arrival is due.
#[derive(Debug, Clone, Copy)]
struct Due {
    phase: usize,
    at_ns: u64,
    /// In a trace, the request and the index of the entry.
    recorded: Option<(usize, u64)>,
}

#[derive(Debug, Clone)]
enum Source<'a> {
    Curve { segment: Segment, total: f64 },
    Trace(&'a Trace),
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
            mix: Mix::new(&scenario.requests),
            variables: scenario.journeys_arrive().then(|| Variables::new(scenario)),
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
    /// Returns the first request of the journey that the next arrival begins.
    ///
    /// A journey none of whose conditions holds at first begins with the request that is written
    /// first in it all the same: what is planned is sent.
    fn first_step(&mut self) -> Draw {
        let nothing = Draw {
            turn: self.sequence,
            ..Draw::default()
        };
        let walk = JourneyWalk::of_arrival(self.scenario, self.sequence);
        let (Some(mut walk), Some(variables)) = (walk, &mut self.variables) else {
            return nothing;
        };
        let journey = walk.begin(variables);
        match walk.next_step(variables, LastAnswer::default()) {
            Ok(Some(step)) => step.draw,
            Ok(None) | Err(_) => Draw {
                request: journey.requests().first().copied().unwrap_or(0),
                ..nothing
            },
        }
    }
}

impl Iterator for Schedule<'_> {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let Due {
            mut phase,
            at_ns: mut at,
            recorded,
        } = self.advance()?;
        // Two arrivals never share a nanosecond: a time names one arrival.
        if let Some(last) = self.last_ns
            && at <= last
        {
            at = last + 1;
            // A crowd at the very end of a phase may run over it.
            while at >= self.scenario.phases[phase].end().as_nanos() as u64
                && phase + 1 < self.scenario.phases.len()
            {
                phase += 1;
            }
        }
        self.last_ns = Some(at);
        let intended = Duration::from_nanos(at);
        let user = self.scenario.user_space.draw(&mut self.users, intended).1;
        let entropy = self.entropy.next_u64();
        let draw = match recorded {
            Some((request, entry)) => Draw {
                request,
                key: entry,
                rank: 0,
                user,
                entropy,
                turn: self.sequence,
            },
            None if self.variables.is_some() => self.first_step(),
            None => {
                let request = self.mix.as_mut()?.next(&mut self.order);
                let (rank, key) = match self.scenario.requests[request].key_space {
                    None => (0, 0),
                    Some(space) => {
                        self.scenario.key_spaces[space].draw(&mut self.keys[space], intended)
                    }
                };
                Draw {
                    request,
                    key,
                    rank,
                    user,
                    entropy,
                    turn: self.sequence,
                }
            }
        };
        let sequence = self.sequence;
        self.sequence += 1;
        Some(Arrival {
            sequence,
            intended,
            phase,
            draw,
        })
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
            let total = segment.total();
            if to > from && total > 0.0 {
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
