//! The counted intervals of a run by kind of request, for formats that hold every one of them.

use std::collections::BTreeMap;

use tenfold_run_dir::{IntervalHistogram, Metric, Run, SparseHistogram};

use crate::latency::interval_group::{Stretch, nearest_second, stretches};
use crate::latency::scope::Scope;

/// One interval of a metric of a scope of requests.
#[derive(Debug, Clone)]
pub struct ScopeInterval {
    /// What was measured.
    pub metric: Metric,
    /// Of which requests.
    pub scope: Scope,
    /// When the interval begins, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// How long it lasts, in nanoseconds.
    pub duration_ns: u64,
    /// The latencies, in nanoseconds.
    pub histogram: SparseHistogram,
}

/// Merges the counted intervals of a run over phases and requests, for each of `scopes`, in order of
/// time: one interval of its log at a time, as `intervals` are read. Their errors are passed on.
pub fn intervals_by_scope<E>(
    run: &Run,
    scopes: &[Scope],
    intervals: impl Iterator<Item = Result<IntervalHistogram, E>>,
) -> impl Iterator<Item = Result<ScopeInterval, E>> {
    stretches(intervals, nearest_second).flat_map(move |stretch| {
        let (merged, error) = match stretch {
            Ok(stretch) => (by_scope(run, scopes, &stretch), None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        merged.into_iter().map(Ok).chain(error)
    })
}

fn by_scope(run: &Run, scopes: &[Scope], stretch: &Stretch) -> Vec<ScopeInterval> {
    let mut merged = BTreeMap::<_, ScopeInterval>::new();
    let counted = stretch
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
