//! Where requests spent their time: the client's response time, split by the `Server-Timing` of the service.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;
use tenfold_run_dir::server_timing::{RequestTiming, TimingBucket};

/// Fewest requests in a band that is shown.
const BAND_REQUESTS_MIN: f64 = 10.0;

/// Time of the sampled requests of one name, by part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerTime {
    /// Name of the request.
    pub request: String,
    /// Requests with a sampled trace whose response had a `Server-Timing` header.
    pub samples: u64,
    /// Those without the header.
    pub without_header: u64,
    /// Requests around the median. `None` with fewer than ten of them.
    pub median: Option<TimeBand>,
    /// Requests at p99 and around it. `None` with fewer than ten of them.
    pub p99: Option<TimeBand>,
}

/// Mean times of the requests whose response times are between two quantiles, in nanoseconds.
///
/// Unless the parts overlap, the response time is the sum of the other times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeBand {
    /// Lowest and highest quantile, 0 to 1.
    pub quantiles: [f64; 2],
    /// Requests.
    pub samples: u64,
    /// Response time, as the client measured it.
    pub response_ns: u64,
    /// Lag of the generator.
    pub lag_ns: u64,
    /// Wait for an idle user.
    pub blocked_ns: u64,
    /// Client's service time without the time in the service: network, queues before and after it, writing and
    /// receiving the response.
    pub outside_ns: u64,
    /// Parts of the service, in its order. Parts without time are left out.
    pub parts: Vec<PartTime>,
    /// Time in the service that is in no part. `None` if the service does not report its `total`.
    pub unattributed_ns: Option<u64>,
    /// True if the parts add up to more than the time in the service, so that some of them overlap.
    pub overlapping: bool,
}

/// Time in one part of the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartTime {
    /// Name in the header.
    pub name: String,
    /// Mean time, in nanoseconds.
    pub ns: u64,
}

/// Returns the times of each request with a sampled trace.
pub(crate) fn server_times(run: &Run) -> Vec<ServerTime> {
    let timing = &run.server_timing;
    let requests = timing.requests.iter().filter_map(|request| {
        Some(ServerTime {
            request: run.manifest.requests.get(request.request)?.name.clone(),
            samples: request.count(),
            without_header: request.without_header,
            median: band(&timing.names, request, [0.45, 0.55]),
            p99: band(&timing.names, request, [0.98, 1.0]),
        })
    });
    requests.collect()
}

/// Returns the means between two quantiles. `None` with too few requests.
///
/// A bucket that is partly between them counts in proportion: its requests differ by at most 3.2%.
fn band(names: &[String], request: &RequestTiming, quantiles: [f64; 2]) -> Option<TimeBand> {
    let count = request.count() as f64;
    let [from, to] = quantiles.map(|quantile| quantile * count);
    if to - from < BAND_REQUESTS_MIN {
        return None;
    }
    let (mut before, mut weights) = (0.0, Vec::new());
    for bucket in &request.buckets {
        let after = before + bucket.count as f64;
        let within = after.min(to) - f64::max(before, from);
        if within > 0.0 && bucket.count > 0 {
            weights.push((within / bucket.count as f64, bucket));
        }
        before = after;
    }
    let mean = |of: &dyn Fn(&TimingBucket) -> u64| {
        let sums = weights
            .iter()
            .map(|(weight, bucket)| weight * of(bucket) as f64);
        sums.sum::<f64>() / (to - from)
    };
    let parts_ns: Vec<f64> = (0..names.len())
        .map(|part| mean(&|bucket| bucket.parts_ns.get(part).copied().unwrap_or(0)))
        .collect();
    let total_ns = mean(&|bucket| bucket.total_ns);
    let rest_ns = total_ns - parts_ns.iter().sum::<f64>();
    let service_ns = mean(&|bucket| bucket.service_ns);
    let parts = names.iter().zip(&parts_ns).filter(|(_, ns)| **ns >= 0.5);
    Some(TimeBand {
        quantiles,
        samples: (to - from).round() as u64,
        response_ns: whole(mean(&|bucket| bucket.response_ns)),
        lag_ns: whole(mean(&|bucket| bucket.lag_ns)),
        blocked_ns: whole(mean(&|bucket| bucket.blocked_ns)),
        outside_ns: whole(service_ns - total_ns),
        parts: parts
            .map(|(name, ns)| PartTime {
                name: name.clone(),
                ns: whole(*ns),
            })
            .collect(),
        unattributed_ns: weights
            .iter()
            .any(|(_, bucket)| bucket.with_total > 0)
            .then(|| whole(rest_ns)),
        // Rounded durations may exceed a rounded total.
        overlapping: rest_ns < -0.01 * total_ns,
    })
}

/// Rounds to whole nanoseconds; below zero is zero.
fn whole(ns: f64) -> u64 {
    ns.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::ServerTiming;
    use tenfold_run_dir::server_timing::SampledRequest;

    use super::*;

    const US: u64 = 1_000;

    /// 1,000 requests: response times from 1 to 1,000 µs; those above 900 µs wait for a pool.
    fn timing(with_total: bool) -> ServerTiming {
        let mut timing = ServerTiming::default();
        for us in 1..=1_000_u64 {
            let pool_us = if us > 900 { us - 100 } else { 0 };
            let cpu_us = us / 2 - pool_us / 2;
            let mut metrics = vec![
                ("cpu".to_owned(), cpu_us * US),
                ("pool".to_owned(), pool_us * US),
            ];
            if with_total {
                let total = cpu_us + pool_us + us / 100;
                metrics.push(("total".to_owned(), total * US));
            }
            timing.add(&SampledRequest {
                request: 0,
                response_ns: us * US,
                lag_ns: 100,
                blocked_ns: 0,
                service_ns: us * US - 100,
                metrics: Some(&metrics),
            });
        }
        timing
    }

    fn bands(timing: &ServerTiming) -> [TimeBand; 2] {
        let of = |quantiles| band(&timing.names, &timing.requests[0], quantiles).unwrap();
        [of([0.45, 0.55]), of([0.98, 1.0])]
    }

    fn sum(band: &TimeBand) -> u64 {
        let parts: u64 = band.parts.iter().map(|part| part.ns).sum();
        band.lag_ns + band.blocked_ns + band.outside_ns + parts + band.unattributed_ns.unwrap_or(0)
    }

    #[test]
    fn shows_where_median_and_p99_spend_their_time() {
        let [median, p99] = bands(&timing(true));
        assert_eq!((median.samples, p99.samples), (100, 20));
        let close = |ns: u64, us: f64| (ns as f64 / 1_000.0 - us).abs() < 0.02 * us + 0.5;
        // Means of 451..=550 and 981..=1,000.
        assert!(close(median.response_ns, 500.5), "{median:?}");
        assert!(close(p99.response_ns, 990.5), "{p99:?}");
        let part = |band: &TimeBand, name: &str| {
            let found = band.parts.iter().find(|part| part.name == name);
            found.map(|part| part.ns)
        };
        assert_eq!(part(&median, "pool"), None);
        assert!(close(part(&median, "cpu").unwrap(), 250.0), "{median:?}");
        assert!(close(part(&p99, "pool").unwrap(), 890.5), "{p99:?}");
        assert!(close(median.unattributed_ns.unwrap(), 4.5), "{median:?}");
        for band in [median, p99] {
            assert!(sum(&band).abs_diff(band.response_ns) <= 4, "{band:?}");
            assert!(!band.overlapping);
        }
    }

    #[test]
    fn without_total_the_rest_is_outside() {
        let [median, p99] = bands(&timing(false));
        for band in [median, p99] {
            assert_eq!(band.unattributed_ns, None);
            assert!(sum(&band).abs_diff(band.response_ns) <= 4, "{band:?}");
        }
    }

    #[test]
    fn overlapping_parts_are_reported() {
        let mut timing = ServerTiming::default();
        let metrics = [("view", 80 * US), ("db", 60 * US), ("total", 100 * US)]
            .map(|(name, ns)| (name.to_owned(), ns));
        for _ in 0..1_000 {
            timing.add(&SampledRequest {
                response_ns: 200 * US,
                service_ns: 200 * US,
                metrics: Some(&metrics),
                ..SampledRequest::default()
            });
        }
        let [median, _] = bands(&timing);
        assert!(median.overlapping);
        assert_eq!(
            (median.outside_ns, median.unattributed_ns),
            (100 * US, Some(0))
        );
    }

    #[test]
    fn few_requests_have_no_bands() {
        let mut timing = timing(true);
        timing.requests[0].buckets.truncate(1);
        assert_eq!(band(&timing.names, &timing.requests[0], [0.45, 0.55]), None);
    }
}
