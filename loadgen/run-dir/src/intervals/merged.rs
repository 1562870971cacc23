//! Interval logs of several generators, merged while they are being read.

use std::collections::BTreeMap;
use std::iter::Peekable;

use super::interval_group::{IntervalGroup, interval_groups, nearest_second};
use super::{IntervalHistogram, Metric};

/// Merges the interval logs of several generators of one run, in order of time.
///
/// Reads one interval of each log at a time and adds the histograms slot by slot. Intervals that begin
/// nearest to the same second become one interval of the merged run, from the earliest start to the latest
/// end. Passes the first error on and ends after it.
pub fn merge_intervals<E>(
    logs: impl IntoIterator<Item = impl Iterator<Item = Result<IntervalHistogram, E>>>,
) -> impl Iterator<Item = Result<IntervalHistogram, E>> {
    let mut logs: Vec<_> = logs
        .into_iter()
        .map(|log| interval_groups(log, nearest_second).peekable())
        .collect();
    let mut ended = false;
    let seconds = std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let next = next_second(&mut logs).transpose();
        ended = !matches!(next, Some(Ok(_)));
        next
    });
    seconds.flat_map(|second| {
        let (merged, error) = match second {
            Ok(second) => (second, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        merged.into_iter().map(Ok).chain(error)
    })
}

/// Returns the merged intervals of the earliest second that remains in any log. `None` at the end of all
/// logs.
fn next_second<E>(
    logs: &mut [Peekable<impl Iterator<Item = Result<IntervalGroup, E>>>],
) -> Result<Option<Vec<IntervalHistogram>>, E> {
    let mut earliest = None::<u64>;
    for log in logs.iter_mut() {
        // An error is returned by the loop below, which takes it out of the log.
        let second = match log.peek() {
            None => continue,
            Some(Ok(group)) => group.number,
            Some(Err(_)) => 0,
        };
        earliest = Some(earliest.map_or(second, |earliest| earliest.min(second)));
    }
    let Some(earliest) = earliest else {
        return Ok(None);
    };
    let mut of_second = Vec::new();
    for log in logs {
        // Logs are in order of time, so an interval that is no later belongs to the same second.
        while let Some(group) = log.next_if(|next| match next {
            Ok(group) => group.number <= earliest,
            Err(_) => true,
        }) {
            of_second.extend(group?.intervals);
        }
    }
    Ok(Some(merged(of_second)))
}

fn merged(intervals: Vec<IntervalHistogram>) -> Vec<IntervalHistogram> {
    let start = intervals.iter().map(|interval| interval.start_ns).min();
    let start_ns = start.unwrap_or(0);
    let ends = intervals.iter().map(|i| i.start_ns + i.duration_ns);
    let duration_ns = ends.max().unwrap_or(0) - start_ns;
    // In the order in which a generator writes them.
    let mut by_series = BTreeMap::<(usize, usize, Metric), IntervalHistogram>::new();
    for interval in intervals {
        let series = interval.series;
        let series = (series.phase, series.request, series.metric);
        match by_series.get_mut(&series) {
            Some(sum) => sum.histogram.add(&interval.histogram),
            None => {
                by_series.insert(series, interval);
            }
        }
    }
    let of_second = |interval| IntervalHistogram {
        start_ns,
        duration_ns,
        ..interval
    };
    by_series.into_values().map(of_second).collect()
}
