//! Overload: stretches of a run in which a backlog of requests grew beyond what the load needs.

use std::ops::Range;

use crate::findings::load_second::LoadSecond;
use crate::findings::quiet::Quiet;

/// Ratio of the requests in flight or waiting to those that low load needs, from which they are a backlog.
const BACKLOG_RATIO: f64 = 3.0;

/// Requests in flight or waiting, beyond those that low load needs, from which they are a backlog.
const BACKLOG_MIN: f64 = 20.0;

/// Time that a backlog delays a request at least, in seconds.
const DELAY_S_MIN: f64 = 0.05;

/// Unanswered share of the arrivals of an overload of a single second.
const UNANSWERED_MIN: f64 = 0.2;

/// Ratio of two rates up to which they count as equal.
const SAME_RATE: f64 = 1.05;

/// Share of a rate that the service sustained at another time, below which it has slowed down.
const SLOWED_DOWN: f64 = 0.9;

/// Seconds without a backlog that do not split an overload.
const GAP_MAX: usize = 1;

/// A stretch of seconds in which a backlog grew, stayed or drained.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Overload {
    /// Indices of the seconds that end with a backlog.
    pub(super) seconds: Range<usize>,
    /// Indices of the seconds in which the backlog grew or was longest.
    pub(super) growth: Range<usize>,
    /// Indices of the seconds in which the service was busy without a break.
    pub(super) busy: Range<usize>,
    /// Arrivals per second while the backlog grew.
    pub(super) offered: f64,
    /// Answers per second while the service was busy without a break.
    pub(super) achieved: f64,
    /// Maximum number of requests in flight or waiting.
    pub(super) pending_max: u64,
    /// Number that the offered rate needs at low load, by Little's law.
    pub(super) needed: f64,
    /// Highest rate answered in a second without a backlog. `None` if there is none.
    pub(super) sustained: Option<f64>,
    /// True if the backlog was gone before the end of the run.
    pub(super) drained: bool,
}

impl Overload {
    /// Returns whether the service became slower at a rate that it sustained at another time.
    pub(super) fn is_slowdown(&self) -> bool {
        self.sustained.is_some_and(|sustained| {
            self.offered <= SAME_RATE * sustained && self.achieved < SLOWED_DOWN * sustained
        })
    }

    /// Returns whether the offered rate was higher than any that the service sustained.
    pub(super) fn is_beyond_sustained(&self) -> bool {
        self.sustained
            .is_some_and(|sustained| self.offered > SAME_RATE * sustained)
    }

    /// Time that all requests together waited in it, in request-seconds.
    pub(super) fn waited_s(&self, seconds: &[LoadSecond]) -> f64 {
        let waits = seconds[self.seconds.clone()].iter();
        waits
            .map(|second| second.pending as f64 * second.seconds())
            .sum()
    }
}

/// Returns the stretches in which a backlog grew, in order of time.
///
/// By Little's law (1961), a load of λ arrivals a second with a service time of W keeps λ W requests in
/// flight. A second ends with a backlog if many more are in flight or waiting than at the service time of
/// the quiet seconds, and if answering them takes noticeable time. Random arrivals may also queue for a
/// while below capacity. A stretch therefore counts only if more queued than three standard deviations of its arrivals.
pub(super) fn overloads(seconds: &[LoadSecond], quiet: &Quiet) -> Vec<Overload> {
    let has = |second: &LoadSecond, factor: f64| {
        let needed = second.offered() * quiet.service_s;
        let most = factor * (BACKLOG_RATIO * needed + 4.0 * needed.sqrt() + BACKLOG_MIN);
        let delay_s = second.pending as f64 / second.achieved().max(1e-9);
        let delay_s_min = factor * DELAY_S_MIN.max(BACKLOG_RATIO * quiet.service_s);
        second.pending as f64 > most && delay_s > delay_s_min
    };
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for at in (0..seconds.len()).filter(|at| has(&seconds[*at], 0.5)) {
        match stretches.last_mut() {
            Some(last) if at <= last.end + GAP_MAX => last.end = at + 1,
            _ => stretches.push(at..at + 1),
        }
    }
    let calm = seconds
        .iter()
        .filter(|second| second.counted && !has(second, 0.5));
    let sustained = calm.map(LoadSecond::achieved).max_by(f64::total_cmp);
    stretches.retain(|stretch| {
        let within = &seconds[stretch.clone()];
        let backlogs: Vec<&LoadSecond> = within.iter().filter(|second| has(second, 1.0)).collect();
        let is_long = match *backlogs {
            [] => false,
            [one] => {
                one.pending as f64 > UNANSWERED_MIN * one.planned as f64
                    && sustained.is_none_or(|sustained| one.offered() > SAME_RATE * sustained)
            }
            _ => true,
        };
        is_long && backlogs.iter().any(|second| second.counted)
    });
    let found = stretches
        .into_iter()
        .map(|stretch| describe(seconds, quiet, stretch, sustained));
    found
        .filter(|own| {
            let arrivals: u64 = seconds[own.growth.clone()]
                .iter()
                .map(|second| second.planned)
                .sum();
            own.pending_max as f64 - own.needed > 3.0 * (arrivals as f64).sqrt()
        })
        .collect()
}

fn describe(
    seconds: &[LoadSecond],
    quiet: &Quiet,
    stretch: Range<usize>,
    sustained: Option<f64>,
) -> Overload {
    let pending_max = seconds[stretch.clone()]
        .iter()
        .map(|second| second.pending)
        .max()
        .unwrap_or(0);
    let is_full = |at: &usize| seconds[*at].pending as f64 >= 0.9 * pending_max as f64;
    let peak = stretch.clone().rev().find(is_full).unwrap_or(stretch.start);
    let growth = stretch.start..peak + 1;
    // The first second also has the time before the backlog.
    let busy = match stretch.len() {
        1 => stretch.clone(),
        _ => stretch.start + 1..stretch.end,
    };
    let rate = |range: &Range<usize>, of: fn(&LoadSecond) -> u64| {
        let within = &seconds[range.clone()];
        let total: u64 = within.iter().map(of).sum();
        total as f64 / within.iter().map(LoadSecond::seconds).sum::<f64>()
    };
    let offered = rate(&growth, |second| second.planned);
    Overload {
        offered,
        achieved: rate(&busy, |second| second.answered),
        pending_max,
        needed: offered * quiet.service_s,
        sustained,
        drained: stretch.end < seconds.len(),
        seconds: stretch,
        growth,
        busy,
    }
}
