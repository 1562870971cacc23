//! Full distributions of the counted phases, for formats that need more than a few percentiles.

use hdrhistogram::Histogram;
use tenfold_run_dir::{Metric, Run};

use crate::latency::counted_latencies::CountedLatencies;
use crate::latency::scope::Scope;

/// Steps for each halving of the distance to 100%, the default of HdrHistogram's own tools.
const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// One metric of a scope of requests over the counted phases.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// The metric.
    pub metric: Metric,
    /// The requests.
    pub scope: Scope,
    histogram: Histogram<u64>,
}

/// Returns the distribution of each metric for each of `scopes`, without the empty ones.
pub fn distributions(run: &Run, scopes: &[Scope]) -> Vec<Distribution> {
    let counted = CountedLatencies::of(run);
    let mut found = Vec::new();
    for metric in Metric::ALL {
        for scope in scopes.iter().copied() {
            let histogram = counted.histogram(metric, |request| scope.holds(run, request));
            if !histogram.is_empty() {
                found.push(Distribution {
                    metric,
                    scope,
                    histogram,
                });
            }
        }
    }
    found
}

/// One step of a distribution by percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PercentileStep {
    /// Value at the quantile, in nanoseconds.
    pub value_ns: u64,
    /// Quantile, 0 to 1.
    pub quantile: f64,
    /// Samples at or below the value.
    pub count: u64,
}

impl Distribution {
    /// Returns a distribution without samples.
    pub fn empty(metric: Metric, scope: Scope) -> Self {
        Self {
            metric,
            scope,
            histogram: tenfold_run_dir::latency_histogram(),
        }
    }

    /// Returns the number of samples.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Returns the arithmetic mean, in nanoseconds.
    pub fn mean_ns(&self) -> f64 {
        self.histogram.mean()
    }

    /// Returns the population standard deviation, in nanoseconds.
    pub fn standard_deviation_ns(&self) -> f64 {
        self.histogram.stdev()
    }

    /// Returns the maximum, in nanoseconds.
    pub fn max_ns(&self) -> u64 {
        self.histogram.max()
    }

    /// Returns the sum of all samples, in nanoseconds, to the three digits of the histogram.
    pub fn sum_ns(&self) -> f64 {
        self.histogram.mean() * self.histogram.len() as f64
    }

    /// Returns the number of buckets of the histogram; each is twice as wide as the previous one.
    pub fn buckets(&self) -> u32 {
        u32::from(self.histogram.buckets())
    }

    /// Returns the number of equally wide slots in the first bucket: the power of two that resolves three
    /// digits.
    pub fn sub_buckets(&self) -> u64 {
        let digits = u32::from(self.histogram.sigfig());
        (2 * 10_u64.pow(digits)).next_power_of_two()
    }

    /// Returns the percentile steps at which HdrHistogram's own tools print a distribution, in increasing
    /// order.
    ///
    /// Repeats the arithmetic of `PercentileIterator` in Java, which counts in percent: if a step falls
    /// exactly on a sample, other arithmetic selects another sample.
    pub fn steps(&self) -> Vec<PercentileStep> {
        let total = self.histogram.len();
        let (mut steps, mut count, mut level) = (Vec::new(), 0_u64, 0.0_f64);
        for recorded in self.histogram.iter_recorded() {
            let value_ns = recorded.value_iterated_to();
            count = count.saturating_add(recorded.count_since_last_iteration());
            while 100.0 * count as f64 / total as f64 >= level {
                steps.push(PercentileStep {
                    value_ns,
                    quantile: level / 100.0,
                    count,
                });
                if count == total {
                    break;
                }
                let halvings = ((100.0 / (100.0 - level)).ln() / 2_f64.ln()).trunc();
                level += 100.0 / (f64::from(TICKS_PER_HALF_DISTANCE) * 2_f64.powf(halvings + 1.0));
            }
        }
        steps.extend(steps.last().copied().map(|last| PercentileStep {
            quantile: 1.0,
            ..last
        }));
        steps
    }

    /// Counts the samples at or below each bound, in nanoseconds, to the three digits of the histogram.
    pub fn cumulative(&self, bounds_ns: &[u64]) -> Vec<u64> {
        let mut counts = vec![0_u64; bounds_ns.len()];
        for step in self.histogram.iter_recorded() {
            let value = self.histogram.lowest_equivalent(step.value_iterated_to());
            let first = bounds_ns.partition_point(|bound| *bound < value);
            for count in &mut counts[first..] {
                *count = count.saturating_add(step.count_since_last_iteration());
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Distribution {
        let mut histogram = tenfold_run_dir::latency_histogram();
        for value in values {
            histogram.record(value).unwrap();
        }
        Distribution {
            metric: Metric::Response,
            scope: Scope::All,
            histogram,
        }
    }

    #[test]
    fn cumulative_counts_include_bounds() {
        let distribution = of(1..=1_000);
        let counted = distribution.cumulative(&[0, 1, 10, 500, 1_000, 2_000]);
        assert_eq!(counted, [0, 1, 10, 500, 1_000, 1_000]);
    }

    #[test]
    fn last_step_holds_all_samples() {
        let steps = of(1..=10_000).steps();
        let last = steps.last().unwrap();
        assert_eq!((last.quantile, last.count), (1.0, 10_000));
        assert!(steps.windows(2).all(|two| two[0].count <= two[1].count));
        assert_eq!(of([1]).sub_buckets(), 2_048);
    }
}
