//! Arrivals of requests.

use tenfold_scenarios::{Scenario, Stream};

use crate::demand::exponential;

/// A request that arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// Time, in seconds from the start.
    pub at_s: f64,
    /// Number of its path.
    pub path: usize,
    /// Rank of its key by popularity, from 0; without a key, its user. Its hash chooses the shard, and the rank decides how
    /// likely a cache has it.
    pub key: u64,
}

/// Returns the arrivals of a scenario of the open model, in the order of time, as the generator would send them.
pub fn arrivals(scenario: &Scenario) -> impl Iterator<Item = Request> + '_ {
    scenario.schedule().map(|arrival| {
        let draw = arrival.draw;
        Request {
            at_s: arrival.intended.as_secs_f64(),
            path: draw.request,
            key: match has_key(scenario, draw.request) {
                true => draw.rank,
                false => draw.user,
            },
        }
    })
}

/// Returns whether a request of a scenario has a key.
fn has_key(scenario: &Scenario, request: usize) -> bool {
    let request = scenario.requests.get(request);
    request.is_some_and(|request| request.key_space.is_some())
}

/// Returns Poisson arrivals of one kind at a rate per second, for a time in seconds.
pub fn poisson(rate: f64, for_s: f64, seed: u64) -> impl Iterator<Item = Request> {
    let mut random = tenfold_scenarios::stream(seed, "poisson", 0);
    let (mut at_s, mut key) = (0.0, 0);
    std::iter::from_fn(move || {
        at_s += exponential(1.0 / rate, &mut random);
        key += 1;
        (at_s < for_s).then_some(Request { at_s, path: 0, key })
    })
}

/// Returns a stream of random numbers.
pub(crate) fn stream(seed: u64) -> Stream {
    tenfold_scenarios::stream(seed, "simulation", 0)
}
