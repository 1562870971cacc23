//! Redirected and traced requests of a run.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use tenfold_run_dir::ServerTiming;
use tenfold_run_dir::counts::{HopTimes, TracedRequest, TravelCounts, keep_notable};
use tenfold_run_dir::durations::{self, Durations};
use tenfold_run_dir::server_timing::SampledRequest;

use crate::http::Trip;
use crate::record::outcome::Outcome;
use crate::record::stamps::Stamps;

/// Traces that are collected before the notable ones are sorted out.
const TRACES_MAX: usize = 4_096;

/// Redirected and traced requests of the counted phases.
#[derive(Debug, Default)]
pub(crate) struct TravelLog {
    /// Durations of exchanges by request.
    hops: BTreeMap<usize, Vec<Histogram<u64>>>,
    /// Traces by request and failure: at most [`TRACES_MAX`] and a few more for each request.
    traces: Vec<TracedRequest>,
    /// Number of traces after the notable ones were last sorted out.
    notable: usize,
    /// Times of sampled requests in the service.
    server_timing: ServerTiming,
}

/// The counts of one request.
pub(crate) fn travel_counts(trip: &Trip) -> TravelCounts {
    TravelCounts {
        redirected: u64::from(trip.redirects > 0),
        redirects: trip.redirects,
        elsewhere: trip.elsewhere,
        retries: trip.retries,
        own_connections: trip.own_connections,
        cookies_refused: trip.cookies_refused,
        traced: u64::from(trip.trace.is_some()),
    }
}

impl TravelLog {
    /// Adds a request that has ended.
    pub(crate) fn add(&mut self, request: usize, stamps: &Stamps, outcome: Outcome, trip: &Trip) {
        if trip.redirects > 0 {
            let hops = self.hops.entry(request).or_default();
            for (number, took_ns) in trip.exchanges_ns.iter().enumerate() {
                if hops.len() <= number {
                    hops.push(durations::duration_histogram());
                }
                hops[number].saturating_record(*took_ns);
            }
        }
        let Some(trace) = trip.trace else {
            return;
        };
        // The header of a redirected request covers only its last exchange.
        if trace.sampled && outcome.failure.is_none() && trip.redirects == 0 {
            self.server_timing.add(&SampledRequest {
                request,
                response_ns: stamps.response(),
                lag_ns: stamps.lag(),
                blocked_ns: stamps.blocked.unwrap_or(0),
                service_ns: stamps.service(),
                metrics: trip.server_timing.as_deref(),
            });
        }
        if self.traces.len() >= self.notable + TRACES_MAX {
            keep_notable(&mut self.traces);
            self.notable = self.traces.len();
        }
        self.traces.push(TracedRequest {
            request,
            trace_id: trace.id(),
            sampled: trace.sampled,
            at_ns: stamps.done,
            response_ns: stamps.response(),
            service_ns: stamps.service(),
            status: outcome.status,
            failure: outcome.failure.map(|failure| failure.name().to_owned()),
        });
    }

    /// The durations of exchanges, for the run directory.
    pub(crate) fn hops(&self) -> Vec<HopTimes> {
        let hops = self.hops.iter();
        hops.map(|(request, exchanges)| HopTimes {
            request: *request,
            exchanges: exchanges.iter().map(Durations::of).collect(),
        })
        .collect()
    }

    /// Times of sampled requests, for the run directory.
    pub(crate) fn server_timing(&self) -> &ServerTiming {
        &self.server_timing
    }

    /// The slowest requests and some failed ones, for the run directory.
    pub(crate) fn traces(&self) -> Vec<TracedRequest> {
        let mut traces = self.traces.clone();
        keep_notable(&mut traces);
        traces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::TraceIds;

    #[test]
    fn log_is_bounded_and_keeps_the_slowest() {
        let ids = TraceIds::default();
        let mut log = TravelLog::default();
        for number in 0..20_000_u64 {
            let stamps = Stamps {
                intended: number,
                blocked: None,
                sent: number,
                first_byte: None,
                // Slow ones are spread over the run.
                done: number + 1_000 + (number * 7_919) % 10_007,
                read_lag: None,
            };
            let trip = Trip {
                trace: Some(ids.begin(1.0)),
                ..Trip::default()
            };
            let outcome = Outcome {
                status: Some(200),
                body_bytes: 0,
                failure: None,
                is_written: true,
            };
            log.add(0, &stamps, outcome, &trip);
            assert!(log.traces.len() <= TRACES_MAX + 8);
        }
        let kept: Vec<u64> = log.traces().iter().map(|trace| trace.response_ns).collect();
        let mut all: Vec<u64> = (0..20_000_u64)
            .map(|n| 1_000 + (n * 7_919) % 10_007)
            .collect();
        all.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(kept, all[..kept.len()]);
        assert_eq!(kept.len(), 5);
    }
}
