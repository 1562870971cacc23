//! The interval logs of several generators, merged as they are read.

use std::collections::BTreeMap;
use std::iter::Peekable;

use tenfold_run_dir::{IntervalHistogram, Series};

use crate::latency::interval_group::{Stretch, nearest_second, stretches};

/// Merges the interval logs of the runs that [`merge`](crate::merge) made one, in order of time: one
/// interval of each at a time, as `logs` are read.
///
/// Histograms are added slot by slot. Intervals that begin nearest to the same second are one interval
/// of the merged run, from where the first of them begins to where the last ends. An error of a log is
/// passed on, and the last thing that comes.
pub fn merge_intervals<E>(
    logs: impl IntoIterator<Item = impl Iterator<Item = Result<IntervalHistogram, E>>>,
) -> impl Iterator<Item = Result<IntervalHistogram, E>> {
    let mut logs: Vec<_> = logs
        .into_iter()
        .map(|log| stretches(log, nearest_second).peekable())
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

/// The intervals of the earliest second that any of the logs has still, merged; none where all have
/// ended.
fn next_second<E>(
    logs: &mut [Peekable<impl Iterator<Item = Result<Stretch, E>>>],
) -> Result<Option<Vec<IntervalHistogram>>, E> {
    let mut earliest = None::<u64>;
    for log in logs.iter_mut() {
        // An error that comes next is met below, where it can be taken out.
        let second = match log.peek() {
            None => continue,
            Some(Ok(stretch)) => stretch.number,
            Some(Err(_)) => 0,
        };
        earliest = Some(earliest.map_or(second, |earliest| earliest.min(second)));
    }
    let Some(earliest) = earliest else {
        return Ok(None);
    };
    let mut of_second = Vec::new();
    for log in logs {
        // No log goes back in time: what is as early as the earliest is of the same second.
        while let Some(stretch) = log.next_if(|next| match next {
            Ok(stretch) => stretch.number <= earliest,
            Err(_) => true,
        }) {
            of_second.extend(stretch?.intervals);
        }
    }
    Ok(Some(merged(of_second)))
}

fn merged(intervals: Vec<IntervalHistogram>) -> Vec<IntervalHistogram> {
    let start = intervals.iter().map(|interval| interval.start_ns).min();
    let start_ns = start.unwrap_or(0);
    let ends = intervals.iter().map(|i| i.start_ns + i.duration_ns);
    let duration_ns = ends.max().unwrap_or(0) - start_ns;
    let mut by_series = BTreeMap::<Series, IntervalHistogram>::new();
    for interval in intervals {
        match by_series.get_mut(&interval.series) {
            Some(sum) => sum.histogram.add(&interval.histogram),
            None => {
                by_series.insert(interval.series, interval);
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
