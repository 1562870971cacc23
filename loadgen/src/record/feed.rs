//! Records of a run for a thread that publishes them while it lasts.
//!
//! The generator's thread only offers sampled requests to a bounded channel, and never waits. Latencies are added by the
//! thread that writes the interval log. In a run of several generators, a [`FeedRelay`](crate::FeedRelay) adds the intervals
//! of each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tenfold_run_dir::{HistogramSum, Metric, Series, SparseHistogram};
use tenfold_scenarios::{Kind, Scenario};

use crate::failure::Failure;
use crate::http::ExchangeSpan;
use crate::record::progress::{LatencyTotal, decimal};

/// Latencies that are published.
const PUBLISHED: [Metric; 7] = [
    Metric::Response,
    Metric::Service,
    Metric::FirstByte,
    Metric::Lag,
    Metric::FirstEvent,
    Metric::EventGap,
    Metric::RoundTrip,
];

/// Most sampled requests that wait for the reader.
const SPANS_MAX: usize = 4_096;

/// Publishes latencies and sampled requests of a run. Created by [`feed`] together with its reader.
#[derive(Debug, Clone)]
pub struct Feed {
    spans: SyncSender<RequestSpan>,
    shared: Arc<Shared>,
}

/// Reads what a [`Feed`] publishes.
#[derive(Debug)]
pub struct FeedReader {
    spans: Receiver<RequestSpan>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    totals: Mutex<BTreeMap<(Metric, usize), RequestTotal>>,
    lost: AtomicU64,
}

/// One metric of one request since the start of the run, warm-up included.
#[derive(Debug, Clone)]
pub struct RequestTotal {
    /// Index into the scenario's requests.
    pub request: usize,
    /// Latencies in buckets, with their sum.
    pub latency: LatencyTotal,
    /// The same latencies with three digits.
    pub exact: HistogramSum,
}

/// A request that asked the service to record its trace, and has ended. Times are in nanoseconds since the start of the
/// run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSpan {
    /// Index into the scenario's phases.
    pub phase: usize,
    /// Index into the scenario's requests.
    pub request: usize,
    /// Trace id of its `traceparent`.
    #[serde(with = "decimal")]
    pub trace_id: u128,
    /// Id of the request as a whole. It was not sent.
    pub span_id: u64,
    /// When it was due.
    pub intended_ns: u64,
    /// Time it waited for an idle user. `None` if one was idle.
    pub blocked_ns: Option<u64>,
    /// When a user began to send it.
    pub sent_ns: u64,
    /// When its last byte arrived, or it failed.
    pub done_ns: u64,
    /// Status. `None` without a complete answer.
    pub status: Option<u16>,
    /// Why it failed. `None` if it completed.
    pub failure: Option<Failure>,
    /// Its exchanges in order: several if it was redirected.
    pub exchanges: Vec<ExchangeSpan>,
}

/// Creates a feed, for [`Options::feed`](crate::Options::feed), and its reader.
pub fn feed() -> (Feed, FeedReader) {
    let (sender, receiver) = sync_channel(SPANS_MAX);
    let shared = Arc::new(Shared::default());
    let feed = Feed {
        spans: sender,
        shared: Arc::clone(&shared),
    };
    let reader = FeedReader {
        spans: receiver,
        shared,
    };
    (feed, reader)
}

impl Shared {
    fn totals(&self) -> MutexGuard<'_, BTreeMap<(Metric, usize), RequestTotal>> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Feed {
    /// Adds the latencies of one series of an interval.
    pub(crate) fn add(&self, scenario_kinds: &[Kind], series: Series, values: &Histogram<u32>) {
        if is_published(series.metric) {
            self.add_packed(scenario_kinds, series, &SparseHistogram::of(values), values);
        }
    }

    /// Adds packed latencies of one series of an interval. `shape` is any histogram that has recorded latencies.
    pub(super) fn add_packed(
        &self,
        scenario_kinds: &[Kind],
        series: Series,
        packed: &SparseHistogram,
        shape: &Histogram<u32>,
    ) {
        let (metric, request) = (series.metric, series.request);
        let Some(kind) = scenario_kinds.get(request) else {
            return;
        };
        let mut totals = self.shared.totals();
        let total = totals
            .entry((metric, request))
            .or_insert_with(|| RequestTotal {
                request,
                latency: LatencyTotal::new(metric, *kind),
                exact: HistogramSum::default(),
            });
        for (value, count) in packed.iter() {
            total.latency.add(shape.median_equivalent(value), count);
        }
        total.exact.add(packed);
    }

    /// Offers a sampled request. It is lost, and counted, if the reader is too slow.
    pub fn offer(&self, span: RequestSpan) {
        if self.spans.try_send(span).is_err() {
            self.lose(1);
        }
    }

    /// Counts sampled requests that were lost on their way here.
    pub fn lose(&self, requests: u64) {
        self.shared.lost.fetch_add(requests, Ordering::Relaxed);
    }
}

/// Returns whether a feed publishes latencies of this metric.
pub(super) fn is_published(metric: Metric) -> bool {
    PUBLISHED.contains(&metric)
}

impl FeedReader {
    /// Latencies since the start of the run, by metric and request.
    pub fn totals(&self) -> Vec<RequestTotal> {
        self.shared.totals().values().cloned().collect()
    }

    /// Sampled requests that ended since the last call, without waiting for more.
    pub fn spans(&self) -> impl Iterator<Item = RequestSpan> {
        self.spans.try_iter()
    }

    /// Number of sampled requests that were lost, because they were not read in time.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

/// Kinds of the requests of a scenario, in order.
pub(crate) fn kinds_of(scenario: &Scenario) -> Vec<Kind> {
    let requests = scenario.requests.iter();
    requests.map(|request| request.kind).collect()
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::latency_histogram;

    use super::*;

    fn span(number: u64) -> RequestSpan {
        RequestSpan {
            phase: 0,
            request: 0,
            trace_id: 1,
            span_id: number,
            intended_ns: 0,
            blocked_ns: None,
            sent_ns: 0,
            done_ns: 1,
            status: Some(200),
            failure: None,
            exchanges: Vec::new(),
        }
    }

    #[test]
    fn totals_are_sums_of_intervals() {
        let (feed, reader) = feed();
        let kinds = [Kind::Read, Kind::Write];
        let series = |metric, phase| Series {
            metric,
            phase,
            request: 1,
        };
        let mut values = latency_histogram::<u32>();
        values.record_n(1_000_000, 3).unwrap();
        feed.add(&kinds, series(Metric::Response, 0), &values);
        values.record(70_000_000_000).unwrap();
        feed.add(&kinds, series(Metric::Response, 1), &values);
        feed.add(&kinds, series(Metric::Unlagged, 1), &values);
        let totals = reader.totals();
        let [total] = totals.as_slice() else {
            panic!("one series is published: {totals:?}");
        };
        assert_eq!((total.request, total.latency.kind), (1, Kind::Write));
        assert_eq!((total.latency.count(), total.exact.len()), (7, 7));
        // 1 ms lies in the bucket up to 1 ms or in the next one, as its slot's middle may exceed it.
        assert_eq!(total.latency.buckets[..5].iter().sum::<u64>(), 6);
    }

    #[test]
    fn spans_are_bounded_and_losses_counted() {
        let (feed, reader) = feed();
        for number in 0..SPANS_MAX as u64 + 7 {
            feed.offer(span(number));
        }
        assert_eq!((reader.spans().count(), reader.lost()), (SPANS_MAX, 7));
        feed.offer(span(1));
        assert_eq!((reader.spans().count(), reader.lost()), (1, 7));
        drop(reader);
        feed.offer(span(2));
    }
}
