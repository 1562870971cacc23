//! Groups of adjacent intervals of a log.

use std::iter::Peekable;

use super::IntervalHistogram;

/// Adjacent intervals of the same period.
#[derive(Debug)]
pub struct IntervalGroup {
    /// Number of the period.
    pub number: u64,
    /// Intervals of the period, in the order of the log.
    pub intervals: Vec<IntervalHistogram>,
}

/// Groups adjacent intervals with the same period number, while the log is being read.
///
/// An error replaces the group that it cuts short.
pub fn interval_groups<E, I>(
    intervals: I,
    number: impl Fn(&IntervalHistogram) -> u64,
) -> impl Iterator<Item = Result<IntervalGroup, E>>
where
    I: Iterator<Item = Result<IntervalHistogram, E>>,
{
    let mut intervals = intervals.peekable();
    std::iter::from_fn(move || next_group(&mut intervals, &number).transpose())
}

fn next_group<E, I>(
    intervals: &mut Peekable<I>,
    number: &impl Fn(&IntervalHistogram) -> u64,
) -> Result<Option<IntervalGroup>, E>
where
    I: Iterator<Item = Result<IntervalHistogram, E>>,
{
    let Some(first) = intervals.next().transpose()? else {
        return Ok(None);
    };
    let mut group = IntervalGroup {
        number: number(&first),
        intervals: vec![first],
    };
    let belongs = |next: &Result<IntervalHistogram, E>| {
        next.as_ref()
            .map_or(true, |next| number(next) == group.number)
    };
    while let Some(next) = intervals.next_if(belongs) {
        group.intervals.push(next?);
    }
    Ok(Some(group))
}

/// Nominal duration of an interval.
const INTERVAL_NS: u64 = 1_000_000_000;

/// Returns the second nearest to the start of an interval: a generator ends an interval within milliseconds
/// of a full second, or much later if it stalled.
pub fn nearest_second(interval: &IntervalHistogram) -> u64 {
    (interval.start_ns + INTERVAL_NS / 2) / INTERVAL_NS
}
