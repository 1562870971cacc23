//! Records a synthetic run as the generator records a real one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use tenfold_run_dir::counts::{Counts, RequestCounts};
use tenfold_run_dir::timeline::{Row, Timeline};
use tenfold_run_dir::{IntervalHistogram, Metric, Series, SparseHistogram};
use tenfold_run_dir::{LATENCY_NS_MAX, latency_histogram};

pub(crate) const ROW_NS: u64 = 1_000_000_000;

#[derive(Debug, Default)]
pub(crate) struct Recorder {
    cells: Vec<Vec<RequestCounts>>,
    rows: Vec<Row>,
    histograms: BTreeMap<(u64, Series), Histogram<u64>>,
    /// Times at which requests were sent (+1) and done (-1).
    changes: Vec<(u64, i64)>,
    service_sum_ns: u64,
    last_done: u64,
}

/// One request of a synthetic run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) phase: usize,
    pub(crate) request: usize,
    pub(crate) write: bool,
    pub(crate) intended: u64,
    pub(crate) sent: u64,
    pub(crate) done: u64,
    pub(crate) status: u16,
    pub(crate) failed: bool,
}

impl Recorder {
    pub(crate) fn new(phases: usize, requests: usize) -> Self {
        Self {
            cells: vec![vec![RequestCounts::default(); requests]; phases],
            ..Self::default()
        }
    }

    fn row(&mut self, at_ns: u64) -> &mut Row {
        let index = (at_ns / ROW_NS) as usize;
        while self.rows.len() <= index {
            let start_ns = self.rows.len() as u64 * ROW_NS;
            self.rows.push(Row {
                start_ns,
                duration_ns: ROW_NS,
                ..Row::default()
            });
        }
        &mut self.rows[index]
    }

    fn latency(&mut self, event: &Event, metric: Metric, at_ns: u64, value_ns: u64) {
        let series = Series {
            metric,
            phase: event.phase,
            request: event.request,
        };
        let slot = self
            .histograms
            .entry((at_ns / ROW_NS, series))
            .or_insert_with(latency_histogram);
        slot.saturating_record(value_ns.clamp(1, LATENCY_NS_MAX));
    }

    pub(crate) fn dropped(&mut self, phase: usize, request: usize, intended: u64, now: u64) {
        let cell = &mut self.cells[phase][request];
        cell.planned += 1;
        cell.dropped += 1;
        self.row(intended).planned += 1;
        self.row(now).dropped += 1;
    }

    pub(crate) fn answered(&mut self, event: Event) {
        let cell = &mut self.cells[event.phase][event.request];
        cell.planned += 1;
        cell.sent += 1;
        cell.body_bytes += 1024;
        *cell.statuses.entry(event.status).or_default() += 1;
        if event.failed {
            cell.failed += 1;
            *cell
                .failures
                .entry("unexpected_status".to_owned())
                .or_default() += 1;
        } else {
            cell.completed += 1;
        }
        self.row(event.intended).planned += 1;
        self.row(event.sent).sent += 1;
        let row = self.row(event.done);
        match (event.failed, event.write) {
            (true, _) => {
                row.failed += 1;
                let class = Cow::Borrowed("unexpected_status");
                row.add_failures(&class, Some(event.status), 1);
            }
            (false, true) => row.writes += 1,
            (false, false) => row.reads += 1,
        }
        self.latency(&event, Metric::Lag, event.sent, event.sent - event.intended);
        if !event.failed {
            self.latency(
                &event,
                Metric::Response,
                event.done,
                event.done - event.intended,
            );
            self.latency(&event, Metric::Service, event.done, event.done - event.sent);
            // No user of a synthetic run keeps an arrival waiting: the rest of the time is the service's.
            self.latency(
                &event,
                Metric::Unlagged,
                event.done,
                event.done - event.sent,
            );
            self.latency(
                &event,
                Metric::FirstByte,
                event.done,
                (event.done - event.sent) * 9 / 10,
            );
        }
        self.changes.push((event.sent, 1));
        self.changes.push((event.done, -1));
        self.service_sum_ns += event.done - event.sent;
        self.last_done = self.last_done.max(event.done);
    }

    pub(crate) fn finish(mut self) -> (Counts, Timeline, Vec<IntervalHistogram>) {
        self.changes.sort_unstable();
        let (mut in_flight, mut since, mut in_flight_ns) = (0_i64, 0_u64, 0_u64);
        for (at, change) in &self.changes {
            in_flight_ns += (at - since) * in_flight as u64;
            since = *at;
            in_flight += change;
        }
        let (mut index, mut in_flight) = (0, 0_i64);
        for row in &mut self.rows {
            while self
                .changes
                .get(index)
                .is_some_and(|(at, _)| *at < row.start_ns + ROW_NS)
            {
                in_flight += self.changes[index].1;
                index += 1;
            }
            row.in_flight = in_flight as u64;
        }
        let intervals = self
            .histograms
            .into_iter()
            .map(|((second, series), histogram)| IntervalHistogram {
                series,
                start_ns: second * ROW_NS,
                duration_ns: ROW_NS,
                histogram: SparseHistogram::of(&histogram),
            });
        let counts = Counts {
            phases: self.cells,
            elapsed_ns: self.last_done,
            in_flight_ns,
            service_sum_ns: self.service_sum_ns,
            ..Counts::default()
        };
        (counts, Timeline { rows: self.rows }, intervals.collect())
    }
}
