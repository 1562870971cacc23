//! Series of single requests.

use tenfold_run_dir::{HistogramSum, Metric, Run};

use crate::charts::percentile_curve::PercentileCurve;
use crate::latency::counted_latencies::CountedLatencies;
use tenfold_stats::OrderStatistics;

/// Requests with charts of their own: those with the most samples.
const REQUESTS_MAX: usize = 12;

/// Samples per bin that support a p99, with a margin for bins with fewer samples than average.
const SAMPLES_FOR_P99: u64 = 1_500;

/// Minimum number of bins.
const BINS_MIN: u64 = 20;

/// Response time of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestCharts {
    /// Index of the request in the scenario.
    pub request: usize,
    /// Name of the request.
    pub name: String,
    /// Response time by percentile, over the counted phases.
    pub curve: PercentileCurve,
    /// Width of a bin, in seconds.
    pub bin_s: f64,
    /// Middles of the bins, in seconds.
    pub at_s: Vec<f64>,
    /// Median response time in each bin, in nanoseconds. `None` with too few samples.
    pub p50: Vec<Option<u64>>,
    /// Response time at p99 in each bin, in nanoseconds. `None` with too few samples.
    pub p99: Vec<Option<u64>>,
}

/// Returns the series of the requests with the most samples, in the order of the scenario.
pub(crate) fn requests(run: &Run) -> Vec<RequestCharts> {
    let counted = CountedLatencies::of(run);
    let names = run.manifest.requests.iter().enumerate();
    let mut requests: Vec<RequestCharts> = names
        .map(|(request, info)| {
            let histogram = counted.histogram(Metric::Response, |other| other == request);
            let curve = PercentileCurve::of(&histogram);
            over_time(run, request, info.name.clone(), curve)
        })
        .filter(|request| request.curve.count > 0)
        .collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.curve.count));
    requests.truncate(REQUESTS_MAX);
    requests.sort_by_key(|request| request.request);
    requests
}

fn over_time(run: &Run, request: usize, name: String, curve: PercentileCurve) -> RequestCharts {
    let columns = run.latencies.counted_columns();
    let of_request: Vec<(u64, &HistogramSum)> = columns.of_request(request).collect();
    let first = of_request.first().map_or(0, |(column, _)| *column);
    let end = of_request.last().map_or(0, |(column, _)| column + 1);
    let bins = (end - first).max(1);
    let wanted = (SAMPLES_FOR_P99 * bins).div_ceil(curve.count.max(1));
    let each = wanted.clamp(1, (bins / BINS_MIN).max(1));
    let bin_s = (columns.column_ns() * each) as f64 / 1e9;
    let mut charts = RequestCharts {
        request,
        name,
        curve,
        bin_s,
        at_s: Vec::new(),
        p50: Vec::new(),
        p99: Vec::new(),
    };
    let bins = of_request.chunk_by(|(one, _), (other, _)| one / each == other / each);
    for bin in bins {
        let Some((column, _)) = bin.first() else {
            continue;
        };
        let mut sum = tenfold_run_dir::latency_histogram();
        bin.iter().for_each(|(_, own)| own.add_to(&mut sum));
        let ordered = OrderStatistics::of(&sum);
        let quantile = |quantile| Some(ordered.quantile(quantile)?.value);
        charts
            .at_s
            .push((column / each) as f64 * bin_s + bin_s / 2.0);
        charts.p50.push(quantile(0.5));
        charts.p99.push(quantile(0.99));
    }
    charts
}
