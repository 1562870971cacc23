//! Chart data of a run: series, reduced to the points that a chart can show.

mod failures;
mod heat_map;
mod over_time;
mod percentile_curve;
mod requests;
mod scaling;
mod target_metrics;

use tenfold_run_dir::{Metric, Run};

pub use failures::{FailureKind, FailuresOverTime};
pub use heat_map::HeatMap;
pub use over_time::{Cores, InFlight, LatencyOverTime, RatesOverTime};
pub use percentile_curve::{PercentileCurve, PercentilePoint};
pub use requests::RequestCharts;
pub use scaling::ScalingOverTime;
pub use target_metrics::MetricOverTime;

use crate::latency::counted_latencies::CountedLatencies;

/// Minimum number of points of a line over time.
const POINTS_MIN: u64 = 20;

/// Samples per point that support a p99, with a margin for points with fewer samples than average.
const SAMPLES_FOR_P99: u64 = 1_500;

/// Chart data of a run. Percentile curves cover the counted phases, charts over time the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Charts {
    /// Response time by percentile.
    pub response: PercentileCurve,
    /// Service time by percentile.
    pub service: PercentileCurve,
    /// Response time without the generator's lag by percentile; empty for a run of an older version.
    pub unlagged: PercentileCurve,
    /// Response time of the reads by percentile.
    pub reads: PercentileCurve,
    /// Response time of the writes by percentile.
    pub writes: PercentileCurve,
    /// Number of responses by latency, over time.
    pub heat_map: HeatMap,
    /// Offered and achieved rate over time.
    pub rates: RatesOverTime,
    /// Percentiles of response time and lag over time.
    pub latency: LatencyOverTime,
    /// Requests in flight and arrivals waiting over time.
    pub in_flight: InFlight,
    /// Cores in use over time.
    pub cores: Cores,
    /// Failures over time, by class and status.
    pub failures: FailuresOverTime,
    /// Response time of each request; of the most frequent if there are many.
    pub requests: Vec<RequestCharts>,
    /// Metrics of the target over time: the chosen ones, then those that moved most with the load.
    pub metrics: Vec<MetricOverTime>,
    /// Load, boxes and p99 over time; empty unless the run started a stage that scales.
    pub scaling: ScalingOverTime,
    /// Phases, as bands.
    pub phases: Vec<PhaseBand>,
}

/// A phase on the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseBand {
    /// Name of the phase.
    pub name: String,
    /// Start, in seconds.
    pub start_s: f64,
    /// End, in seconds.
    pub end_s: f64,
    /// True for a phase that is sent but not counted.
    pub warm_up: bool,
}

/// Computes the chart data of a run.
pub fn charts(run: &Run) -> Charts {
    let counted = CountedLatencies::of(run);
    let of_kind = |kind: &str| {
        let is_kind = |request: usize| {
            run.manifest
                .requests
                .get(request)
                .is_some_and(|request| request.kind == kind)
        };
        PercentileCurve::of(&counted.histogram(Metric::Response, is_kind))
    };
    let bin_ns = run.latencies.columns().column_ns();
    let latency_bin_ns = latency_bin_ns(run, bin_ns);
    let latency = LatencyOverTime::of(run, latency_bin_ns);
    Charts {
        response: PercentileCurve::of(&counted.histogram(Metric::Response, |_| true)),
        service: PercentileCurve::of(&counted.histogram(Metric::Service, |_| true)),
        unlagged: PercentileCurve::of(&counted.histogram(Metric::Unlagged, |_| true)),
        reads: of_kind("read"),
        writes: of_kind("write"),
        heat_map: HeatMap::of(run),
        rates: RatesOverTime::of(run, bin_ns),
        scaling: ScalingOverTime::of(run, latency_bin_ns, &latency),
        latency,
        in_flight: InFlight::of(run, bin_ns),
        cores: Cores::of(run, bin_ns),
        failures: FailuresOverTime::of(run, bin_ns),
        requests: requests::requests(run),
        metrics: target_metrics::target_metrics(run),
        phases: run
            .manifest
            .phases
            .iter()
            .map(|phase| PhaseBand {
                name: phase.name.clone(),
                start_s: phase.start_ns as f64 / 1e9,
                end_s: phase.end_ns() as f64 / 1e9,
                warm_up: phase.warm_up,
            })
            .collect(),
    }
}

/// Returns the bin width: longer bins if that gives each enough samples for a p99, but at least
/// [`POINTS_MIN`] bins.
fn latency_bin_ns(run: &Run, bin_ns: u64) -> u64 {
    let rows = &run.timeline.rows;
    let bins = run.timeline.end_ns().div_ceil(bin_ns).max(1);
    let answered: u64 = rows.iter().map(|row| row.reads + row.writes).sum();
    let wanted = (SAMPLES_FOR_P99 * bins).div_ceil(answered.max(1));
    bin_ns * wanted.clamp(1, (bins / POINTS_MIN).max(1))
}
