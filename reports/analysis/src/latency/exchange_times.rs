//! The parts of an exchange, beside the latencies: what it took to connect and to receive.

use tenfold_run_dir::durations::Durations;
use tenfold_run_dir::{Run, interval_log};

use crate::latency::percentiles::Latency;

/// The parts of an exchange, and how long journeys took, to 1%.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExchangeTimes {
    /// Opening a connection until it could carry a request; 0 for each request that found one open.
    /// Warm-up included.
    pub opening: Latency,
    /// Connecting alone, likewise.
    pub connecting: Latency,
    /// The TLS handshake, likewise.
    pub handshake: Latency,
    /// From the first byte of an answer to its last, for answers as expected in the counted phases.
    pub receiving: Latency,
    /// Journeys that were begun in a counted phase and came to their last step.
    pub journeys: Latency,
}

/// Returns the parts of an exchange; none for a run of an older version.
pub fn exchange_times(run: &Run) -> Option<ExchangeTimes> {
    let durations = run.counts.durations.as_ref()?;
    let handed_over: u64 = run
        .counts
        .phases
        .iter()
        .flatten()
        .map(|counts| counts.sent.saturating_sub(counts.not_written))
        .sum();
    let of_each_request = |durations: &Durations| {
        let found_open = handed_over.saturating_sub(durations.count());
        latency(durations, found_open)
    };
    Some(ExchangeTimes {
        opening: of_each_request(&durations.opening),
        connecting: of_each_request(&durations.connecting),
        handshake: of_each_request(&durations.handshake),
        receiving: latency(&durations.receiving, 0),
        journeys: latency(&durations.journeys, 0),
    })
}

/// The figures of durations and so many zeros.
fn latency(durations: &Durations, zeros: u64) -> Latency {
    let mut histogram = interval_log::histogram();
    durations.add_to(&mut histogram);
    histogram.saturating_record_n(0, zeros);
    Latency::of(&histogram)
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::durations;

    use super::*;

    #[test]
    fn requests_that_found_a_connection_took_no_time_to_connect() {
        let mut histogram = durations::histogram();
        histogram.record_n(1_000_000, 25).unwrap();
        let durations = Durations::of(&histogram);
        let each = latency(&durations, 275);
        assert_eq!((each.count, each.min, each.p50), (300, Some(0), Some(0)));
        // The slowest twelfth opened a connection each.
        assert_eq!(each.p90, Some(0));
        let p95 = each.p95.unwrap();
        assert!(p95.abs_diff(1_000_000) <= 10_000, "{p95}");
        let mean = each.mean.unwrap();
        assert!(mean.abs_diff(83_333) <= 1_000, "{mean}");
    }
}
