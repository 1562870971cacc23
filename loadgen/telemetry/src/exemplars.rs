//! The slowest sampled requests since the last delivery: links from a histogram to traces.

use std::collections::BTreeMap;

use tenfold_loadgen::{Failure, RequestSpan};
use tenfold_run_dir::Metric;

/// Most exemplars of one request in one delivery.
const EXEMPLARS_MAX: usize = 5;

/// A value with the trace it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exemplar {
    /// Latency, in nanoseconds.
    pub value_ns: u64,
    /// When the request ended, in nanoseconds since the start of the run.
    pub at_ns: u64,
    /// Trace id.
    pub trace_id: u128,
    /// Span id of the request as a whole.
    pub span_id: u64,
}

/// The slowest sampled requests, by request.
#[derive(Debug, Default)]
pub(crate) struct Exemplars {
    slowest: BTreeMap<usize, Vec<Slow>>,
}

#[derive(Debug, Clone, Copy)]
struct Slow {
    response_ns: u64,
    service_ns: u64,
    at_ns: u64,
    trace_id: u128,
    span_id: u64,
}

impl Exemplars {
    /// Adds a request, if its latency was recorded and it is among the slowest.
    pub(crate) fn add(&mut self, span: &RequestSpan) {
        // As the recorder does: other failures have no latency.
        if !matches!(span.failure, None | Some(Failure::Timeout)) {
            return;
        }
        let slowest = self.slowest.entry(span.request).or_default();
        let response_ns = span.done_ns.saturating_sub(span.intended_ns);
        let at = slowest.partition_point(|other| other.response_ns >= response_ns);
        if at >= EXEMPLARS_MAX {
            return;
        }
        slowest.truncate(EXEMPLARS_MAX - 1);
        slowest.insert(
            at,
            Slow {
                response_ns,
                service_ns: span.done_ns.saturating_sub(span.sent_ns),
                at_ns: span.done_ns,
                trace_id: span.trace_id,
                span_id: span.span_id,
            },
        );
    }

    /// Exemplars of one metric of a request, by time. Empty for a metric other than the response and service time.
    pub(crate) fn of(&self, metric: Metric, request: usize) -> Vec<Exemplar> {
        let value: fn(&Slow) -> u64 = match metric {
            Metric::Response => |slow| slow.response_ns,
            Metric::Service => |slow| slow.service_ns,
            _ => return Vec::new(),
        };
        let slowest = self.slowest.get(&request).into_iter().flatten();
        let mut exemplars: Vec<Exemplar> = slowest
            .map(|slow| Exemplar {
                value_ns: value(slow),
                at_ns: slow.at_ns,
                trace_id: slow.trace_id,
                span_id: slow.span_id,
            })
            .collect();
        exemplars.sort_by_key(|exemplar| exemplar.at_ns);
        exemplars
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.slowest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_slowest_of_each_request_by_time() {
        let mut exemplars = Exemplars::default();
        for number in 0..1_000_u64 {
            exemplars.add(&RequestSpan {
                phase: 0,
                request: (number % 2) as usize,
                trace_id: u128::from(number),
                span_id: number,
                intended_ns: 10_000 - number,
                blocked_ns: None,
                sent_ns: 10_000,
                // Slow ones are spread over the run.
                done_ns: 20_000 + (number * 7_919) % 1_009,
                status: Some(200),
                failure: (number % 10 == 0).then_some(Failure::Connection),
                exchanges: Vec::new(),
            });
        }
        for request in [0, 1] {
            let slowest = exemplars.of(Metric::Response, request);
            assert_eq!(slowest.len(), EXEMPLARS_MAX);
            assert!(slowest.is_sorted_by_key(|exemplar| exemplar.at_ns));
            for exemplar in &slowest {
                assert_eq!(exemplar.trace_id % 2, request as u128);
                assert_ne!(exemplar.trace_id % 10, 0, "failed ones have no latency");
                let number = exemplar.span_id;
                let expected = 10_000 + (number * 7_919) % 1_009 + number;
                assert_eq!(exemplar.value_ns, expected);
            }
        }
        assert!(exemplars.of(Metric::Lag, 0).is_empty());
        exemplars.clear();
        assert!(exemplars.of(Metric::Service, 0).is_empty());
    }
}
