//! Neighbouring intervals of a log, taken together.

use std::iter::Peekable;

use tenfold_run_dir::IntervalHistogram;

/// Intervals that belong to one stretch of time.
#[derive(Debug)]
pub(crate) struct Stretch {
    /// The number of the stretch.
    pub(crate) number: u64,
    /// Its intervals, in the order of the log.
    pub(crate) intervals: Vec<IntervalHistogram>,
}

/// Takes neighbouring intervals of one stretch together, of a log that is read as it goes.
///
/// An error takes the place of the stretch that it cut short.
pub(crate) fn stretches<E, I>(
    intervals: I,
    number: impl Fn(&IntervalHistogram) -> u64,
) -> impl Iterator<Item = Result<Stretch, E>>
where
    I: Iterator<Item = Result<IntervalHistogram, E>>,
{
    let mut intervals = intervals.peekable();
    std::iter::from_fn(move || next_stretch(&mut intervals, &number).transpose())
}

fn next_stretch<E, I>(
    intervals: &mut Peekable<I>,
    number: &impl Fn(&IntervalHistogram) -> u64,
) -> Result<Option<Stretch>, E>
where
    I: Iterator<Item = Result<IntervalHistogram, E>>,
{
    let Some(first) = intervals.next().transpose()? else {
        return Ok(None);
    };
    let mut stretch = Stretch {
        number: number(&first),
        intervals: vec![first],
    };
    let belongs = |next: &Result<IntervalHistogram, E>| {
        next.as_ref()
            .map_or(true, |next| number(next) == stretch.number)
    };
    while let Some(next) = intervals.next_if(belongs) {
        stretch.intervals.push(next?);
    }
    Ok(Some(stretch))
}

/// The length that intervals are meant to have.
const INTERVAL_NS: u64 = 1_000_000_000;

/// The second that an interval begins nearest to: generators end their intervals within milliseconds
/// of one, or long after it where they stood still.
pub(crate) fn nearest_second(interval: &IntervalHistogram) -> u64 {
    (interval.start_ns + INTERVAL_NS / 2) / INTERVAL_NS
}
