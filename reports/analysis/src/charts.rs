//! What is drawn of a run: series, already reduced to what a chart can show.

mod heat_map;
mod over_time;
mod percentile_curve;

use tenfold_run_dir::{Metric, Run};

pub use heat_map::HeatMap;
pub use over_time::{Cores, InFlight, LatencyOverTime, RatesOverTime};
pub use percentile_curve::{PercentileCurve, PercentilePoint};

use crate::latency::counted_latencies::CountedLatencies;

/// The fewest points that a line over time may be reduced to, so that it still shows when.
const LEAST_POINTS: u64 = 20;

/// Samples that bear a p99, with room for stretches that have fewer than the others.
const SAMPLES_FOR_P99: u64 = 1_500;

/// What is drawn of a run. Curves are of the counted phases, charts over time of the whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Charts {
    /// Response time by percentile.
    pub response: PercentileCurve,
    /// Service time by percentile.
    pub service: PercentileCurve,
    /// Response time without the generator's lag by percentile; empty in a run of an older version.
    pub unlagged: PercentileCurve,
    /// Response time of the reads by percentile.
    pub reads: PercentileCurve,
    /// Response time of the writes by percentile.
    pub writes: PercentileCurve,
    /// How many responses took how long, over time.
    pub heat_map: HeatMap,
    /// Offered and achieved rate over time.
    pub rates: RatesOverTime,
    /// Percentiles of response time and lag over time.
    pub latency: LatencyOverTime,
    /// Requests in flight and arrivals waiting over time.
    pub in_flight: InFlight,
    /// Processors in use over time.
    pub cores: Cores,
    /// The phases, as bands.
    pub phases: Vec<PhaseBand>,
}

/// A phase on the time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseBand {
    /// Its name.
    pub name: String,
    /// When it begins, in seconds.
    pub start_s: f64,
    /// When it ends, in seconds.
    pub end_s: f64,
    /// Whether it is sent but not counted.
    pub warm_up: bool,
}

/// Reduces a run to what is drawn of it.
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
    Charts {
        response: PercentileCurve::of(&counted.histogram(Metric::Response, |_| true)),
        service: PercentileCurve::of(&counted.histogram(Metric::Service, |_| true)),
        unlagged: PercentileCurve::of(&counted.histogram(Metric::Unlagged, |_| true)),
        reads: of_kind("read"),
        writes: of_kind("write"),
        heat_map: HeatMap::of(run),
        rates: RatesOverTime::of(run, bin_ns),
        latency: LatencyOverTime::of(run, latency_bin_ns(run, bin_ns)),
        in_flight: InFlight::of(run, bin_ns),
        cores: Cores::of(run, bin_ns),
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

/// Chooses longer stretches where that lets them bear a p99, but no fewer than [`LEAST_POINTS`].
fn latency_bin_ns(run: &Run, bin_ns: u64) -> u64 {
    let rows = &run.timeline.rows;
    let bins = run.timeline.end_ns().div_ceil(bin_ns).max(1);
    let answered: u64 = rows.iter().map(|row| row.reads + row.writes).sum();
    let wanted = (SAMPLES_FOR_P99 * bins).div_ceil(answered.max(1));
    bin_ns * wanted.clamp(1, (bins / LEAST_POINTS).max(1))
}
