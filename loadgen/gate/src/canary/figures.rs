//! Requests that an instance has answered, by its own histogram.

use std::collections::BTreeMap;

use tenfold_analysis::gate::Attempts;
use tenfold_probe::Metrics;

/// Histogram of response times, by OpenTelemetry's name.
const HISTOGRAM: &str = "http_server_request_duration_seconds";

/// Route of health checks, which are no requests of users.
const HEALTH: &str = "/healthz";

/// Smallest number of samples beyond a percentile.
const BEYOND_MIN: f64 = 10.0;

/// Requests that an instance has answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    count: f64,
    failed: f64,
    sum_s: f64,
    /// Number of requests at or below a bound, in nanoseconds.
    buckets: BTreeMap<u64, f64>,
}

impl Figures {
    /// Sums over methods, routes and statuses, without health checks.
    pub(super) fn of(metrics: &Metrics) -> Self {
        let mut own = Self::default();
        for sample in metrics.samples() {
            let Some(part) = sample.name.strip_prefix(HISTOGRAM) else {
                continue;
            };
            if sample.label("route") == Some(HEALTH) || !sample.value.is_finite() {
                continue;
            }
            match part {
                "_count" => {
                    own.count += sample.value;
                    let status = sample.label("status").and_then(|text| text.parse().ok());
                    if status.is_some_and(|status: u16| status >= 500) {
                        own.failed += sample.value;
                    }
                }
                "_sum" => own.sum_s += sample.value,
                "_bucket" => {
                    let bound_s: Option<f64> =
                        sample.label("le").and_then(|bound| bound.parse().ok());
                    // The last bound is infinite: as an integer it is the largest one.
                    if let Some(bound_s) = bound_s.filter(|bound| *bound > 0.0) {
                        *own.buckets.entry((bound_s * 1e9) as u64).or_default() += sample.value;
                    }
                }
                _ => {}
            }
        }
        own
    }

    /// Number of requests.
    pub(super) fn count(&self) -> f64 {
        self.count
    }

    /// Returns whether the instance was started again: a counter is smaller than before.
    pub(super) fn is_restarted_since(&self, earlier: &Self) -> bool {
        self.count < earlier.count || self.sum_s < earlier.sum_s
    }

    /// Requests since an earlier reading.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let buckets = self.buckets.iter().map(|(bound, count)| {
            let before = earlier.buckets.get(bound).copied().unwrap_or_default();
            (*bound, (count - before).max(0.0))
        });
        Self {
            count: self.count - earlier.count,
            failed: (self.failed - earlier.failed).max(0.0),
            sum_s: self.sum_s - earlier.sum_s,
            buckets: buckets.collect(),
        }
    }

    /// Requests of both.
    pub(super) fn plus(mut self, other: &Self) -> Self {
        self.count += other.count;
        self.failed += other.failed;
        self.sum_s += other.sum_s;
        for (bound, count) in &other.buckets {
            *self.buckets.entry(*bound).or_default() += count;
        }
        self
    }

    /// Sent and failed requests. A request fails if the service is at fault: status 500 or higher.
    pub(super) fn attempts(&self) -> Attempts {
        Attempts {
            sent: self.count as u64,
            failed: self.failed as u64,
        }
    }

    /// Mean response time, in microseconds. `None` without requests.
    pub(super) fn mean_us(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum_s / self.count * 1e6)
    }

    /// Response time at a quantile, in microseconds, linear within its bucket as in Prometheus' `histogram_quantile`. `None` if fewer
    /// than 10 samples lie beyond it, or it lies beyond the last finite bound.
    pub(super) fn quantile_us(&self, share: f64) -> Option<f64> {
        let total = *self.buckets.values().next_back()?;
        if total * (1.0 - share) < BEYOND_MIN {
            return None;
        }
        let rank = total * share;
        let (mut low_ns, mut below) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            if *count >= rank {
                if *bound == u64::MAX {
                    return None;
                }
                let within = (rank - below) / (count - below).max(f64::MIN_POSITIVE);
                return Some((low_ns + (*bound as f64 - low_ns) * within) / 1e3);
            }
            (low_ns, below) = (*bound as f64, *count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(text: &str) -> Figures {
        Figures::of(&Metrics::parse("test", text).unwrap())
    }

    #[test]
    fn sums_over_labels_without_health_checks() {
        let own = figures(
            "http_server_request_duration_seconds_count{route=\"/v1/posts\",status=\"200\"} 90\n\
             http_server_request_duration_seconds_sum{route=\"/v1/posts\",status=\"200\"} 0.9\n\
             http_server_request_duration_seconds_count{route=\"/v1/posts\",status=\"503\"} 10\n\
             http_server_request_duration_seconds_sum{route=\"/v1/posts\",status=\"503\"} 0.1\n\
             http_server_request_duration_seconds_count{route=\"/healthz\",status=\"200\"} 1000\n\
             other_count 7\n",
        );
        assert_eq!(
            own.attempts(),
            Attempts {
                sent: 100,
                failed: 10
            }
        );
        assert_eq!(own.mean_us(), Some(10_000.0));
        assert_eq!(own.quantile_us(0.9), None);
    }

    #[test]
    fn quantile_is_linear_within_its_bucket() {
        let text = |low: u64, all: u64| {
            format!(
                "http_server_request_duration_seconds_bucket{{le=\"0.001\"}} {low}\n\
                 http_server_request_duration_seconds_bucket{{le=\"0.002\"}} {all}\n\
                 http_server_request_duration_seconds_bucket{{le=\"+Inf\"}} {all}\n"
            )
        };
        let own = figures(&text(800, 1_000));
        assert_eq!(own.quantile_us(0.9), Some(1_500.0));
        assert_eq!(own.quantile_us(0.4), Some(500.0));
        // Ten samples beyond it, not nine.
        assert!(own.quantile_us(0.99).is_some());
        assert_eq!(figures(&text(800, 999)).quantile_us(0.99), None);
        // Beyond the last finite bound.
        let own = figures(
            "http_server_request_duration_seconds_bucket{le=\"1\"} 10\n\
             http_server_request_duration_seconds_bucket{le=\"+Inf\"} 1000\n",
        );
        assert_eq!(own.quantile_us(0.5), None);
    }

    #[test]
    fn difference_and_sum_are_by_bucket() {
        let text = |count: u64| {
            format!(
                "http_server_request_duration_seconds_bucket{{le=\"1\"}} {count}\n\
                 http_server_request_duration_seconds_count {count}\n\
                 http_server_request_duration_seconds_sum {count}\n"
            )
        };
        let (early, late) = (figures(&text(10)), figures(&text(25)));
        let since = late.since(&early);
        assert_eq!(since, figures(&text(15)));
        assert_eq!(since.plus(&early), figures(&text(25)));
        assert!(early.is_restarted_since(&late) && !late.is_restarted_since(&early));
    }
}
