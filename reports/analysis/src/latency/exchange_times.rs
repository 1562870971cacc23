//! Durations of the parts of an exchange: connecting, the TLS handshake and receiving.

use tenfold_run_dir::durations::Durations;
use tenfold_run_dir::{Run, latency_histogram};

use crate::latency::percentiles::Latency;

/// Durations of the parts of an exchange and of whole journeys, to 1%.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExchangeTimes {
    /// Opening a connection until it is ready for a request; 0 for each request that reused a connection.
    /// Includes warm-up.
    pub opening: Latency,
    /// Connecting, without the TLS handshake; 0 as for `opening`.
    pub connecting: Latency,
    /// The TLS handshake; 0 as for `opening`.
    pub handshake: Latency,
    /// From the first byte of a response to its last, for expected responses of the counted phases.
    pub receiving: Latency,
    /// Journeys that began in a counted phase and completed their last step.
    pub journeys: Latency,
}

/// Returns the durations of the parts of an exchange. `None` for a run of an older version.
pub fn exchange_times(run: &Run) -> Option<ExchangeTimes> {
    let durations = run.counts.durations.as_ref()?;
    let written: u64 = run
        .counts
        .phases
        .iter()
        .flatten()
        .map(|counts| {
            let travel = &counts.travel;
            counts.sent.saturating_sub(counts.not_written) + travel.redirects + travel.retries
        })
        .sum();
    let of_each_request = |durations: &Durations| {
        let reused = written.saturating_sub(durations.count());
        latency(durations, reused)
    };
    Some(ExchangeTimes {
        opening: of_each_request(&durations.opening),
        connecting: of_each_request(&durations.connecting),
        handshake: of_each_request(&durations.handshake),
        receiving: latency(&durations.receiving, 0),
        journeys: latency(&durations.journeys, 0),
    })
}

/// Summarises durations together with a number of zeros.
fn latency(durations: &Durations, zeros: u64) -> Latency {
    let mut histogram = latency_histogram();
    durations.add_to(&mut histogram);
    histogram.saturating_record_n(0, zeros);
    Latency::of(&histogram)
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::durations;

    use super::*;

    #[test]
    fn reused_connections_count_as_zero() {
        let mut histogram = durations::duration_histogram();
        histogram.record_n(1_000_000, 25).unwrap();
        let durations = Durations::of(&histogram);
        let each = latency(&durations, 275);
        assert_eq!((each.count, each.min, each.p50), (300, Some(0), Some(0)));
        // One request in twelve opened a connection.
        assert_eq!(each.p90, Some(0));
        let p95 = each.p95.unwrap();
        assert!(p95.abs_diff(1_000_000) <= 10_000, "{p95}");
        let mean = each.mean.unwrap();
        assert!(mean.abs_diff(83_333) <= 1_000, "{mean}");
    }
}
