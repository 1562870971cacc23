//! Memory of long runs.

use tenfold_run_dir::latency_histogram;
use tenfold_run_dir::timeline::{Row, Timeline};
use tenfold_run_dir::{IntervalFold, IntervalHistogram, Metric, Series, SparseHistogram};

const SECOND: u64 = 1_000_000_000;

/// Number of requests in the scenario.
const REQUESTS: usize = 6;

/// Distinct seconds of each series, which repeat.
const DISTINCT: usize = 40;

/// Responses per second and request.
const RESPONSES: u64 = 150;

/// Returns a generator of numbers from 0 to 1, determined by its seed.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Returns the distinct seconds of a series: log-normal latencies, with a median that depends on metric and request.
fn distinct_seconds(metric: Metric, request: usize) -> Vec<SparseHistogram> {
    let median = match metric {
        Metric::Lag | Metric::ReadLag => 40_000.0,
        _ => 900_000.0 * (1 + request) as f64,
    };
    let mut uniform = uniform(1 + 10 * request as u64 + metric as u64);
    let mut second = || {
        let mut whole = latency_histogram::<u32>();
        for _ in 0..RESPONSES {
            // Box and Muller's transform (Annals of Mathematical Statistics 29, 1958).
            let radius = (-2.0 * uniform().max(f64::MIN_POSITIVE).ln()).sqrt();
            let normal = radius * (std::f64::consts::TAU * uniform()).cos();
            whole.saturating_record((median * (0.6 * normal).exp()) as u64);
        }
        SparseHistogram::of(&whole)
    };
    (0..DISTINCT).map(|_| second()).collect()
}

struct Folded {
    fold: IntervalFold,
    columns: usize,
    responses: u64,
}

/// Folds a run of `seconds` seconds, half a minute of which is warm-up.
fn folded(seconds: u64, of: &[(Metric, usize, Vec<SparseHistogram>)]) -> Folded {
    let rows = (0..seconds).map(|second| Row {
        start_ns: second * SECOND,
        duration_ns: SECOND,
        ..Row::default()
    });
    let timeline = Timeline {
        rows: rows.collect(),
    };
    let mut fold = IntervalFold::over(&timeline);
    for second in 0..seconds {
        for (metric, request, distinct) in of {
            fold.add(&IntervalHistogram {
                series: Series {
                    metric: *metric,
                    phase: usize::from(second >= 30),
                    request: *request,
                },
                start_ns: second * SECOND,
                duration_ns: SECOND,
                histogram: distinct[second as usize % DISTINCT].clone(),
            });
        }
    }
    let columns = fold.columns().of(Metric::Response);
    let (columns, responses) = columns.fold((0, 0), |(columns, responses), (_, sum)| {
        (columns + 1, responses + sum.len())
    });
    Folded {
        columns,
        responses,
        fold,
    }
}

#[test]
fn hour_takes_at_most_twice_a_quarter() {
    let series: Vec<_> = Metric::ALL
        .into_iter()
        .flat_map(|metric| (0..REQUESTS).map(move |request| (metric, request)))
        .map(|(metric, request)| (metric, request, distinct_seconds(metric, request)))
        .collect();
    let (quarter, hour) = (folded(900, &series), folded(3_600, &series));
    assert_eq!(hour.fold.series().count(), 2 * series.len());
    assert_eq!(hour.responses, 3_600 * RESPONSES * REQUESTS as u64);
    let counted = hour.fold.series().filter(|(series, _)| series.phase == 1);
    let of_response = counted.filter(|(series, _)| series.metric == Metric::Response);
    let values: u64 = of_response.map(|(_, sum)| sum.len()).sum();
    assert_eq!(values, 3_570 * RESPONSES * REQUESTS as u64);

    assert_eq!((quarter.columns, hour.columns), (113, 120));
    assert!(hour.fold.lag_peaks().count() <= 4_096);
    // A column of the hour is four times as long, so it holds more distinct values.
    let (quarter, hour) = (quarter.fold.packed_bytes(), hour.fold.packed_bytes());
    assert!(hour < 10 << 20, "{hour} bytes");
    assert!(hour <= 2 * quarter, "{hour} of {quarter}");
}
