//! Series over the time of the run.

use std::collections::BTreeMap;

use tenfold_run_dir::host_timeline::HostSample;
use tenfold_run_dir::manifest::PhaseInfo;
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Metric, Run};

use crate::stats::order_statistic::OrderStatistics;

/// Offered and achieved rate over time, each per second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RatesOverTime {
    /// How long a stretch is, in seconds.
    pub stretch_s: f64,
    /// Middles of the stretches, in seconds.
    pub at_s: Vec<f64>,
    /// Arrivals planned.
    pub offered: Vec<f64>,
    /// Requests answered as expected.
    pub achieved: Vec<f64>,
    /// Reads among them.
    pub reads: Vec<f64>,
    /// Writes among them.
    pub writes: Vec<f64>,
    /// Requests failed and arrivals dropped.
    pub lost: Vec<f64>,
}

impl RatesOverTime {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let mut rates = Self {
            stretch_s: bin_ns as f64 / 1e9,
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

/// Requests in flight and arrivals waiting for a user, at the end of each stretch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InFlight {
    /// Ends of the stretches, in seconds.
    pub at_s: Vec<f64>,
    /// Requests in flight: the most in the stretch.
    pub in_flight: Vec<u64>,
    /// Arrivals waiting: the most in the stretch.
    pub waiting: Vec<u64>,
}

impl InFlight {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let mut held = Self::default();
        for rows in bins(run, bin_ns) {
            held.at_s.push(middle_s(rows));
            held.in_flight
                .push(rows.iter().map(|row| row.in_flight).max().unwrap_or(0));
            held.waiting
                .push(rows.iter().map(|row| row.waiting).max().unwrap_or(0));
        }
        held
    }
}

/// Percentiles over time, in nanoseconds; none where a stretch has too few samples for one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LatencyOverTime {
    /// How long a stretch is, in seconds.
    pub stretch_s: f64,
    /// Middles of the stretches, in seconds.
    pub at_s: Vec<f64>,
    /// Median response time.
    pub p50: Vec<Option<u64>>,
    /// Response time at p90.
    pub p90: Vec<Option<u64>>,
    /// Response time at p99.
    pub p99: Vec<Option<u64>>,
    /// The longest response time.
    pub max: Vec<Option<u64>>,
    /// Service time at p99.
    pub service_p99: Vec<Option<u64>>,
    /// Lag at p99.
    pub lag_p99: Vec<Option<u64>>,
    /// The longest lag.
    pub lag_max: Vec<Option<u64>>,
}

impl LatencyOverTime {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let read = read_by_bin(run, bin_ns);
        let last = read.keys().map(|(bin, _)| *bin).max();
        let mut over_time = Self {
            stretch_s: bin_ns as f64 / 1e9,
            ..Self::default()
        };
        for bin in 0..last.map_or(0, |last| last + 1) {
            let of = |metric| read.get(&(bin, metric)).copied().unwrap_or_default();
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

/// What is read off a stretch.
#[derive(Debug, Clone, Copy, Default)]
struct Read {
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    max: Option<u64>,
}

impl Read {
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

/// Merges the columns of each stretch and metric, one stretch at a time: whole histograms of all of
/// them at once, or all their values in order, would take far more memory than what is read off them.
fn read_by_bin(run: &Run, bin_ns: u64) -> BTreeMap<(u64, Metric), Read> {
    let columns = run.latencies.columns();
    let columns_each = (bin_ns / columns.column_ns()).max(1);
    let mut read = BTreeMap::new();
    for metric in [Metric::Response, Metric::Service, Metric::Lag] {
        let of_metric: Vec<_> = columns.of(metric).collect();
        let bin = |column: u64| column / columns_each;
        for same in of_metric.chunk_by(|(one, _), (other, _)| bin(*one) == bin(*other)) {
            let mut sum = tenfold_run_dir::interval_log::histogram();
            for (_, column) in same {
                column.add_to(&mut sum);
            }
            if let Some((first, _)) = same.first() {
                let of_bin = Read::of(&OrderStatistics::of(&sum));
                read.insert((bin(*first), metric), of_bin);
            }
        }
    }
    read
}

/// Processors in use over time; none where it was not told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cores {
    /// Processors of the machine.
    pub of: usize,
    /// Middles of the stretches of the generator, in seconds.
    pub generator_at_s: Vec<f64>,
    /// The generator's.
    pub generator: Vec<f64>,
    /// Middles of the stretches of target and machine, in seconds.
    pub at_s: Vec<f64>,
    /// The target's.
    pub target: Vec<Option<f64>>,
    /// The whole machine's.
    pub host: Vec<Option<f64>>,
}

impl Cores {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let mut cores = Self {
            of: run.manifest.host.cores,
            ..Self::default()
        };
        for rows in bins(run, bin_ns) {
            let told = || rows.iter().filter(|row| row.generator_cpu_ns > 0);
            let used: u64 = told().map(|row| row.generator_cpu_ns).sum();
            let over: u64 = told().map(|row| row.duration_ns).sum();
            if used > 0 {
                cores.generator_at_s.push(middle_s(rows));
                cores.generator.push(used as f64 / over.max(1) as f64);
            }
        }
        let samples = run.host.samples.iter();
        let samples: Vec<&HostSample> = samples.filter(|sample| sample.duration_ns > 0).collect();
        let row_ns = rows(run).iter().map(|row| row.duration_ns).max();
        // Samples come as often as rows, and do not begin with them.
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

/// The middle of neighbouring samples, in seconds; a sample is told when it ends.
fn middle_of_samples_s(samples: &[&HostSample]) -> f64 {
    let end = samples.last().map_or(0, |last| last.at_ns);
    let duration: u64 = samples.iter().map(|sample| sample.duration_ns).sum();
    ((end as f64 - duration as f64 / 2.0) / 1e9).max(0.0)
}

/// The mean of what the samples tell of, by how long they are; none where none tells.
fn mean_cores(samples: &[&HostSample], of: impl Fn(&HostSample) -> Option<f64>) -> Option<f64> {
    if let [one] = samples {
        return of(one);
    }
    let told = || {
        samples
            .iter()
            .filter_map(|one| Some((of(one)?, one.duration_ns as f64)))
    };
    let over: f64 = told().map(|(_, duration)| duration).sum();
    let used: f64 = told().map(|(cores, duration)| cores * duration).sum();
    (over > 0.0).then(|| used / over)
}

/// The rows of the phases, without what straggled in afterwards.
fn rows(run: &Run) -> &[Row] {
    let phases = run.manifest.phases.iter();
    let end = phases.map(PhaseInfo::end_ns).max().unwrap_or(u64::MAX);
    let rows = &run.timeline.rows;
    &rows[..rows.partition_point(|row| row.start_ns < end)]
}

/// The rows of the phases, gathered into stretches of one length.
fn bins(run: &Run, bin_ns: u64) -> impl Iterator<Item = &[Row]> {
    rows(run).chunk_by(move |a, b| a.start_ns / bin_ns == b.start_ns / bin_ns)
}

fn middle_s(rows: &[Row]) -> f64 {
    let start = rows.first().map_or(0, |row| row.start_ns);
    let end = rows.last().map_or(0, Row::end_ns);
    (start as f64 + end as f64) / 2e9
}
