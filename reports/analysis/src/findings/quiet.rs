//! Quiet seconds: those from which the unloaded service time is known.

use crate::findings::load_second::LoadSecond;

/// Minimum number of quiet seconds.
const SECONDS_MIN: usize = 3;

/// Minimum number of answers in the quiet seconds.
const ANSWERS_MIN: u64 = 20;

/// The seconds of a run in which nothing queued, as far as the run shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quiet {
    /// Indices of the seconds, in order.
    pub(super) seconds: Vec<usize>,
    /// Mean service time in these seconds.
    pub(super) service_s: f64,
}

/// Returns the third of the seconds with the shortest service times, among those in which all arrivals were
/// answered. Warm-up replaces the counted seconds if they have none. `None` if the run has no quiet seconds.
pub(super) fn quiet(seconds: &[LoadSecond]) -> Option<Quiet> {
    quietest(seconds, |second| second.counted)
        .or_else(|| quietest(seconds, |second| !second.counted && second.planned > 0))
}

fn quietest(seconds: &[LoadSecond], keep: impl Fn(&LoadSecond) -> bool) -> Option<Quiet> {
    let mut found: Vec<usize> = (0..seconds.len())
        .filter(|index| keep(&seconds[*index]) && seconds[*index].is_balanced())
        .collect();
    let service = |index: &usize| seconds[*index].service_s.unwrap_or(f64::INFINITY);
    found.sort_by(|a, b| service(a).total_cmp(&service(b)));
    found.truncate((found.len() / 3).max(SECONDS_MIN));
    found.sort_unstable();
    Quiet::of(seconds, found)
}

impl Quiet {
    /// Returns these seconds as the quiet ones. `None` if they are too few, or if a backlog grew over all of
    /// them.
    pub(super) fn of(all: &[LoadSecond], seconds: Vec<usize>) -> Option<Self> {
        let sum =
            |of: fn(&LoadSecond) -> u64| -> u64 { seconds.iter().map(|at| of(&all[*at])).sum() };
        let (planned, answered) = (sum(|second| second.planned), sum(|second| second.answered));
        let grown = planned as f64 - answered as f64;
        if seconds.len() < SECONDS_MIN
            || answered < ANSWERS_MIN
            || grown > 3.0 * (planned as f64).sqrt()
        {
            return None;
        }
        let weighted = seconds.iter().map(|at| {
            let second = &all[*at];
            second.service_s.unwrap_or(0.0) * second.answered as f64
        });
        let service_s = weighted.sum::<f64>() / answered as f64;
        Some(Self { seconds, service_s })
    }
}
