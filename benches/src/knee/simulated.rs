//! Searches of simulated services.

use std::time::Duration;

use tenfold_analysis::knee::{End, Goal, Search};
use tenfold_analysis::synthetic::queue::{self, Queue, ServiceTime};

use super::Searched;

/// Pause between trials.
const PAUSE: Duration = Duration::from_secs(1);

/// First rates, over the capacity.
pub(super) const FIRST: [f64; 4] = [0.05, 0.4, 1.0, 4.0];

/// Simulated services: eight permits of 5 ms, 1,600/s.
const SERVICES: [(&str, ServiceTime, f64); 3] = [
    ("simulated, fixed times", ServiceTime::Fixed(0.005), 0.0),
    (
        "simulated, exponential times",
        ServiceTime::Exponential(0.005),
        0.0,
    ),
    (
        "simulated, one trial in twenty spoilt",
        ServiceTime::Fixed(0.005),
        0.05,
    ),
];

/// Searches each service with a number of seeds.
pub(super) fn searches(seeds: u32, goal: Goal) -> Vec<Searched> {
    let mut searches = Vec::new();
    for (service, time, bad_moment) in SERVICES {
        let queue = Queue {
            servers: 8,
            service: time,
            limit_p99_s: 0.5,
            bad_moment,
        };
        searches.extend((0..seeds).map(|seed| search(service, queue, seed, goal)));
    }
    searches
}

fn search(service: &str, queue: Queue, seed: u32, goal: Goal) -> Searched {
    let truth = 1_600.0;
    let mut stream = queue::stream(u64::from(seed));
    let first_rate = truth * FIRST[seed as usize % FIRST.len()];
    let mut search = Search::new(goal, first_rate, 1e6);
    let mut took = Duration::ZERO;
    while let Some(attempt) = search.next() {
        let outcome = queue.trial(attempt.rate, attempt.duration, &mut stream);
        took += attempt.duration + PAUSE;
        search.record(outcome, attempt.duration + PAUSE);
    }
    let answer = search.answer();
    Searched {
        service: service.to_owned(),
        is_real: false,
        truth,
        first_rate,
        sustained: answer.sustained,
        failed: answer.failed,
        is_confirmed: answer.end == End::Confirmed,
        took_s: took.as_secs_f64(),
    }
}
