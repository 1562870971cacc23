//! Series over the time of the run.

use std::collections::BTreeMap;

use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{IntervalHistogram, Metric, Run};

use crate::order_statistic::OrderStatistics;

/// Offered and achieved rate over time, each per second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RatesOverTime {
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
        let mut rates = Self::default();
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
        let ordered = ordered_by_bin(run, bin_ns);
        let last = ordered.keys().map(|(bin, _)| *bin).max();
        let mut over_time = Self::default();
        for bin in 0..last.map_or(0, |last| last + 1) {
            let quantile =
                |metric, quantile| Some(ordered.get(&(bin, metric))?.quantile(quantile)?.value);
            let max = |metric| ordered.get(&(bin, metric))?.raw_quantile(1.0);
            over_time
                .at_s
                .push((bin as f64 + 0.5) * bin_ns as f64 / 1e9);
            over_time.p50.push(quantile(Metric::Response, 0.5));
            over_time.p90.push(quantile(Metric::Response, 0.9));
            over_time.p99.push(quantile(Metric::Response, 0.99));
            over_time.max.push(max(Metric::Response));
            over_time.service_p99.push(quantile(Metric::Service, 0.99));
            over_time.lag_p99.push(quantile(Metric::Lag, 0.99));
            over_time.lag_max.push(max(Metric::Lag));
        }
        over_time
    }
}

/// Merges the intervals of each stretch and metric, one stretch at a time: whole histograms of all of
/// them at once would take far more memory than what is read off them.
fn ordered_by_bin(run: &Run, bin_ns: u64) -> BTreeMap<(u64, Metric), OrderStatistics> {
    let bin = |interval: &IntervalHistogram| interval.start_ns / bin_ns;
    let mut intervals: Vec<&IntervalHistogram> = run.intervals.iter().collect();
    intervals.sort_by_key(|interval| (bin(interval), interval.series.metric));
    let mut ordered = BTreeMap::new();
    for same in intervals.chunk_by(|a, b| (bin(a), a.series.metric) == (bin(b), b.series.metric)) {
        let mut sum = tenfold_run_dir::interval_log::histogram();
        for interval in same {
            interval.histogram.add_to(&mut sum);
        }
        if let Some(first) = same.first() {
            ordered.insert((bin(first), first.series.metric), OrderStatistics::of(&sum));
        }
    }
    ordered
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
    pub(crate) fn of(run: &Run) -> Self {
        let rows = rows(run).iter().filter(|row| row.generator_cpu_ns > 0);
        let samples = run
            .host
            .samples
            .iter()
            .filter(|sample| sample.duration_ns > 0);
        let middle = |end: u64, duration: u64| (end as f64 - duration as f64 / 2.0) / 1e9;
        Self {
            of: run.manifest.host.cores,
            generator_at_s: rows
                .clone()
                .map(|row| middle_s(std::slice::from_ref(row)))
                .collect(),
            generator: rows
                .map(|row| row.generator_cpu_ns as f64 / row.duration_ns.max(1) as f64)
                .collect(),
            at_s: samples
                .clone()
                .map(|sample| middle(sample.at_ns, sample.duration_ns).max(0.0))
                .collect(),
            target: samples
                .clone()
                .map(|s| Some(s.target_cpu_ns? as f64 / s.duration_ns as f64))
                .collect(),
            host: samples.map(|sample| sample.host_cores_used).collect(),
        }
    }
}

/// The rows of the phases, without what straggled in afterwards.
fn rows(run: &Run) -> &[Row] {
    let phases = run.manifest.phases.iter();
    let end = phases
        .map(|phase| phase.start_ns + phase.duration_ns)
        .max()
        .unwrap_or(u64::MAX);
    let rows = &run.timeline.rows;
    &rows[..rows.partition_point(|row| row.start_ns < end)]
}

/// The rows of the phases, gathered into stretches of one length.
fn bins(run: &Run, bin_ns: u64) -> impl Iterator<Item = &[Row]> {
    rows(run).chunk_by(move |a, b| a.start_ns / bin_ns == b.start_ns / bin_ns)
}

fn middle_s(rows: &[Row]) -> f64 {
    let start = rows.first().map_or(0, |row| row.start_ns);
    let end = rows.last().map_or(0, |row| row.start_ns + row.duration_ns);
    (start as f64 + end as f64) / 2e9
}
