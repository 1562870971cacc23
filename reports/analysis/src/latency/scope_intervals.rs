//! Counted intervals of a run by scope, for formats that store every interval.

use std::collections::BTreeMap;

use tenfold_run_dir::{
    IntervalGroup, IntervalHistogram, Metric, Run, SparseHistogram, interval_groups, nearest_second,
};

use crate::latency::scope::Scope;

/// One interval of a metric, merged over the requests of a scope.
#[derive(Debug, Clone)]
pub struct ScopeInterval {
    /// The metric.
    pub metric: Metric,
    /// The requests.
    pub scope: Scope,
    /// Start of the interval, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// Duration of the interval, in nanoseconds.
    pub duration_ns: u64,
    /// Latencies, in nanoseconds.
    pub histogram: SparseHistogram,
}

/// Merges the counted intervals of a run over phases and requests, for each of `scopes`, in order of time.
///
/// Reads one second of the log at a time. Passes errors of `intervals` on.
pub fn intervals_by_scope<E>(
    run: &Run,
    scopes: &[Scope],
    intervals: impl Iterator<Item = Result<IntervalHistogram, E>>,
) -> impl Iterator<Item = Result<ScopeInterval, E>> {
    interval_groups(intervals, nearest_second).flat_map(move |group| {
        let (merged, error) = match group {
            Ok(group) => (by_scope(run, scopes, &group), None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        merged.into_iter().map(Ok).chain(error)
    })
}

fn by_scope(run: &Run, scopes: &[Scope], group: &IntervalGroup) -> Vec<ScopeInterval> {
    let mut merged = BTreeMap::<_, ScopeInterval>::new();
    let counted = group
        .intervals
        .iter()
        .filter(|i| run.is_counted(i.series.phase));
    for interval in counted {
        let of = scopes
            .iter()
            .filter(|scope| scope.holds(run, interval.series.request));
        for scope in of.copied() {
            let metric = interval.series.metric;
            let merged = merged
                .entry((interval.start_ns, metric, scope))
                .or_insert_with(|| ScopeInterval {
                    metric,
                    scope,
                    start_ns: interval.start_ns,
                    duration_ns: interval.duration_ns,
                    histogram: SparseHistogram::default(),
                });
            merged.duration_ns = merged.duration_ns.max(interval.duration_ns);
            merged.histogram.add(&interval.histogram);
        }
    }
    merged.into_values().collect()
}
