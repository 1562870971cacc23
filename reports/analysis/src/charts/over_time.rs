//! Series over the duration of a run.

use std::collections::BTreeMap;

use tenfold_run_dir::host_timeline::HostSample;
use tenfold_run_dir::manifest::PhaseInfo;
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Metric, Run};

use tenfold_stats::OrderStatistics;

/// Offered and achieved rate over time, each per second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RatesOverTime {
    /// Width of a bin, in seconds.
    pub bin_s: f64,
    /// Middles of the bins, in seconds.
    pub at_s: Vec<f64>,
    /// Planned arrivals.
    pub offered: Vec<f64>,
    /// Requests with the expected response.
    pub achieved: Vec<f64>,
    /// Reads with the expected response.
    pub reads: Vec<f64>,
    /// Writes with the expected response.
    pub writes: Vec<f64>,
    /// Failed requests and dropped arrivals.
    pub lost: Vec<f64>,
}

impl RatesOverTime {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let mut rates = Self {
            bin_s: bin_ns as f64 / 1e9,
            ..Self::default()
        };
        for rows in bins(run, bin_ns) {
            let seconds = rows.iter().map(|row| row.duration_ns).sum::<u64>().max(1) as f64 / 1e9;
            let rate = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>() as f64 / seconds;
            rates.at_s.push(middle_s(rows));
            rates.offered.push(rate(|row| row.planned));
            rates.achieved.push(rate(|row| row.reads + row.writes));
            rates.reads.push(rate(|row| row.reads));
            rates.writes.push(rate(|row| row.writes));
            rates.lost.push(rate(|row| row.failed + row.dropped));
        }
        rates
    }
}

/// Requests in flight and arrivals waiting for a user, by bin.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InFlight {
    /// Middles of the bins, in seconds.
    pub at_s: Vec<f64>,
    /// Maximum number of requests in flight in the bin.
    pub in_flight: Vec<u64>,
    /// Maximum number of waiting arrivals in the bin.
    pub waiting: Vec<u64>,
}

impl InFlight {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let mut series = Self::default();
        for rows in bins(run, bin_ns) {
            series.at_s.push(middle_s(rows));
            series
                .in_flight
                .push(rows.iter().map(|row| row.in_flight).max().unwrap_or(0));
            series
                .waiting
                .push(rows.iter().map(|row| row.waiting).max().unwrap_or(0));
        }
        series
    }
}

/// Percentiles over time, in nanoseconds. `None` for a bin with too few samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LatencyOverTime {
    /// Width of a bin, in seconds.
    pub bin_s: f64,
    /// Middles of the bins, in seconds.
    pub at_s: Vec<f64>,
    /// Median response time.
    pub p50: Vec<Option<u64>>,
    /// Response time at p90.
    pub p90: Vec<Option<u64>>,
    /// Response time at p99.
    pub p99: Vec<Option<u64>>,
    /// Maximum response time.
    pub max: Vec<Option<u64>>,
    /// Service time at p99.
    pub service_p99: Vec<Option<u64>>,
    /// Lag at p99.
    pub lag_p99: Vec<Option<u64>>,
    /// Maximum lag.
    pub lag_max: Vec<Option<u64>>,
}

impl LatencyOverTime {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let by_bin = percentiles_by_bin(run, bin_ns);
        let last = by_bin.keys().map(|(bin, _)| *bin).max();
        let mut over_time = Self {
            bin_s: bin_ns as f64 / 1e9,
            ..Self::default()
        };
        for bin in 0..last.map_or(0, |last| last + 1) {
            let of = |metric| by_bin.get(&(bin, metric)).copied().unwrap_or_default();
            let (response, lag) = (of(Metric::Response), of(Metric::Lag));
            over_time
                .at_s
                .push((bin as f64 + 0.5) * bin_ns as f64 / 1e9);
            over_time.p50.push(response.p50);
            over_time.p90.push(response.p90);
            over_time.p99.push(response.p99);
            over_time.max.push(response.max);
            over_time.service_p99.push(of(Metric::Service).p99);
            over_time.lag_p99.push(lag.p99);
            over_time.lag_max.push(lag.max);
        }
        over_time
    }
}

/// Percentiles of one bin.
#[derive(Debug, Clone, Copy, Default)]
struct BinPercentiles {
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
}

impl BinPercentiles {
    fn of(ordered: &OrderStatistics) -> Self {
        let quantile = |quantile| Some(ordered.quantile(quantile)?.value);
        Self {
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: ordered.raw_quantile(1.0),
        }
    }
}

/// Computes the percentiles of each bin and metric.
///
/// Merges the columns of one bin at a time: the histograms of all bins would take far more memory than their
/// percentiles.
fn percentiles_by_bin(run: &Run, bin_ns: u64) -> BTreeMap<(u64, Metric), BinPercentiles> {
    let columns = run.latencies.columns();
    let columns_each = (bin_ns / columns.column_ns()).max(1);
    let mut by_bin = BTreeMap::new();
    for metric in [Metric::Response, Metric::Service, Metric::Lag] {
        let of_metric: Vec<_> = columns.of(metric).collect();
        let bin = |column: u64| column / columns_each;
        for same in of_metric.chunk_by(|(one, _), (other, _)| bin(*one) == bin(*other)) {
            let mut sum = tenfold_run_dir::latency_histogram();
            for (_, column) in same {
                column.add_to(&mut sum);
            }
            if let Some((first, _)) = same.first() {
                let of_bin = BinPercentiles::of(&OrderStatistics::of(&sum));
                by_bin.insert((bin(*first), metric), of_bin);
            }
        }
    }
    by_bin
}

/// Cores in use over time. `None` if not recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cores {
    /// Number of cores of the host.
    pub available: usize,
    /// Middles of the bins of the generator, in seconds.
    pub generator_at_s: Vec<f64>,
    /// Cores in use by the generator.
    pub generator: Vec<f64>,
    /// Middles of the bins of target and host, in seconds.
    pub at_s: Vec<f64>,
    /// Cores in use by the target.
    pub target: Vec<Option<f64>>,
    /// Cores in use on the whole host.
    pub host: Vec<Option<f64>>,
}

impl Cores {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let mut cores = Self {
            available: run.manifest.host.cores,
            ..Self::default()
        };
        for rows in bins(run, bin_ns) {
            let recorded = || rows.iter().filter(|row| row.generator_cpu_ns > 0);
            let used: u64 = recorded().map(|row| row.generator_cpu_ns).sum();
            let over: u64 = recorded().map(|row| row.duration_ns).sum();
            if used > 0 {
                cores.generator_at_s.push(middle_s(rows));
                cores.generator.push(used as f64 / over.max(1) as f64);
            }
        }
        let samples = run.host.samples.iter();
        let samples: Vec<&HostSample> = samples.filter(|sample| sample.duration_ns > 0).collect();
        let row_ns = rows(run).iter().map(|row| row.duration_ns).max();
        // Samples are as frequent as rows, but start at other times.
        let each = (bin_ns / row_ns.unwrap_or(bin_ns).max(1)).max(1);
        for samples in samples.chunks(usize::try_from(each).unwrap_or(usize::MAX)) {
            cores.at_s.push(middle_of_samples_s(samples));
            cores.target.push(mean_cores(samples, |sample| {
                Some(sample.target_cpu_ns? as f64 / sample.duration_ns as f64)
            }));
            let host = mean_cores(samples, |sample| sample.host_cores_used);
            cores.host.push(host);
        }
        cores
    }
}

/// Returns the middle of adjacent samples, in seconds. The time of a sample is its end.
fn middle_of_samples_s(samples: &[&HostSample]) -> f64 {
    let end = samples.last().map_or(0, |last| last.at_ns);
    let duration: u64 = samples.iter().map(|sample| sample.duration_ns).sum();
    ((end as f64 - duration as f64 / 2.0) / 1e9).max(0.0)
}

/// Returns the mean over the samples, weighted by duration. `None` if no sample has a value.
fn mean_cores(samples: &[&HostSample], of: impl Fn(&HostSample) -> Option<f64>) -> Option<f64> {
    if let [one] = samples {
        return of(one);
    }
    let recorded = || {
        samples
            .iter()
            .filter_map(|one| Some((of(one)?, one.duration_ns as f64)))
    };
    let over: f64 = recorded().map(|(_, duration)| duration).sum();
    let used: f64 = recorded().map(|(cores, duration)| cores * duration).sum();
    (over > 0.0).then(|| used / over)
}

/// Returns the rows of the phases, without the rows after the last phase.
fn rows(run: &Run) -> &[Row] {
    let phases = run.manifest.phases.iter();
    let end = phases.map(PhaseInfo::end_ns).max().unwrap_or(u64::MAX);
    let rows = &run.timeline.rows;
    &rows[..rows.partition_point(|row| row.start_ns < end)]
}

/// Groups the rows of the phases into bins of equal width.
pub(super) fn bins(run: &Run, bin_ns: u64) -> impl Iterator<Item = &[Row]> {
    rows(run).chunk_by(move |a, b| a.start_ns / bin_ns == b.start_ns / bin_ns)
}

pub(super) fn middle_s(rows: &[Row]) -> f64 {
    let start = rows.first().map_or(0, |row| row.start_ns);
    let end = rows.last().map_or(0, Row::end_ns);
    (start as f64 + end as f64) / 2e9
}
