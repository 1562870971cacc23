//! One planned request.

use std::time::Duration;

/// What a request is to be about: which request, which key, which user.
///
/// A draw is all that [`Request::render`](crate::Request::render) needs, so the same draw always
/// gives the same bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Draw {
    /// Index into [`Scenario::requests`](crate::Scenario::requests).
    pub request: usize,
    /// The key that `{key}` stands for; for a trace, the index of the trace's entry.
    pub key: u64,
    /// The popularity rank of that key, 0 for the most popular; 0 where the request has no keys.
    pub rank: u64,
    /// The user of the service on whose behalf the request is made, from 0.
    pub user: u64,
    /// The seed of everything else that is random in this one request (`{text:N}` and the like).
    pub entropy: u64,
    /// How many arrivals, or journeys, came before it: what takes rows of data one after the other.
    pub turn: u64,
}

/// One planned request, with its intended time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Position in the schedule, from 0.
    pub sequence: u64,
    /// When to send it, counted from the start of the run.
    pub intended: Duration,
    /// Index into [`Scenario::phases`](crate::Scenario::phases).
    pub phase: usize,
    /// What to send.
    pub draw: Draw,
}
