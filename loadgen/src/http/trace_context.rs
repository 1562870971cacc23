//! W3C trace context: the ids by which a request is found in the traces of the service.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// The header with the ids.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Source of the ids of a run.
///
/// They do not come from the scenario's seed: two runs with the same seed need different ids, because the
/// service's traces outlive a run.
#[derive(Debug)]
pub(crate) struct TraceIds {
    run: u64,
    next: AtomicU64,
}

/// The trace of one request. Its redirects belong to the same trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) id: u128,
    /// Id of the span of the request as a whole, the parent of its exchanges. It is not sent.
    pub(crate) root: u64,
    /// Whether the service is asked to record the trace.
    pub(crate) sampled: bool,
}

/// One exchange of a sampled request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeSpan {
    /// The parent id that its `traceparent` had, so that the spans of the service belong to it.
    pub span_id: u64,
    /// When it began, in nanoseconds since the start of the run.
    pub begun_ns: u64,
    /// When its answer was complete. `None` if it failed.
    pub done_ns: Option<u64>,
    /// Status. `None` without a complete answer.
    pub status: Option<u16>,
}

impl Default for TraceIds {
    fn default() -> Self {
        Self {
            run: RandomState::new().hash_one(SystemTime::now()),
            next: AtomicU64::new(1),
        }
    }
}

impl TraceIds {
    /// Begins a trace, which is sampled with probability `share`.
    pub(crate) fn begin(&self, share: f64) -> TraceContext {
        let low = self.draw();
        let draw = mix(low) >> 11;
        TraceContext {
            // Never zero, which is not a valid id: at most one of the two halves is.
            id: u128::from(self.run | 1) << 64 | u128::from(low),
            root: mix(!low).max(1),
            sampled: (draw as f64) < share * (1_u64 << 53) as f64,
        }
    }

    /// An id for the span of one exchange.
    pub(crate) fn span_id(&self) -> u64 {
        self.draw().max(1)
    }

    /// A number that no other call returns.
    fn draw(&self) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        mix(number ^ self.run.rotate_left(32))
    }
}

impl TraceContext {
    /// The header for one exchange of the trace, whose span has the id `parent`.
    pub(crate) fn header(self, parent: u64) -> Option<HeaderValue> {
        let flags = u8::from(self.sampled);
        HeaderValue::from_str(&format!("00-{:032x}-{parent:016x}-{flags:02x}", self.id)).ok()
    }

    /// The trace id in 32 hexadecimal digits.
    pub(crate) fn id(self) -> String {
        format!("{:032x}", self.id)
    }
}

/// The finalizer of SplitMix64, a permutation (Steele, Lea and Flood, OOPSLA 2014).
fn mix(mut number: u64) -> u64 {
    number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn header_is_valid_trace_context() {
        let ids = TraceIds::default();
        let trace = ids.begin(1.0);
        let header = trace.header(ids.span_id()).unwrap();
        let fields: Vec<&str> = header.to_str().unwrap().split('-').collect();
        assert_eq!(
            (fields[0], fields[1], fields[3]),
            ("00", trace.id().as_str(), "01")
        );
        let hex = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        assert!(fields[1].len() == 32 && hex(fields[1]), "{header:?}");
        assert!(fields[2].len() == 16 && hex(fields[2]), "{header:?}");
        assert_ne!(fields[2], "0000000000000000");
    }

    #[test]
    fn ids_differ_within_and_between_runs() {
        let (one, two) = (TraceIds::default(), TraceIds::default());
        let ids: HashSet<String> = (0..1_000)
            .flat_map(|_| [one.begin(0.5).id(), two.begin(0.5).id()])
            .collect();
        assert_eq!(ids.len(), 2_000);
        let trace = one.begin(1.0);
        assert_ne!(
            trace.header(one.span_id()),
            trace.header(one.span_id()),
            "each exchange is a span of its own"
        );
    }

    #[test]
    fn share_of_sampled_traces_is_kept() {
        let ids = TraceIds::default();
        let sampled = |share| (0..10_000).filter(|_| ids.begin(share).sampled).count();
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 10_000));
        // Six standard deviations of a binomial distribution.
        assert!(sampled(0.25).abs_diff(2_500) < 260);
    }
}
