//! The target's own metrics over time.

use tenfold_run_dir::Run;
use tenfold_run_dir::target_metrics::{MetricKind, MetricSeries};

use tenfold_stats::ranks;

/// Metrics shown besides the chosen ones.
const SHOWN_MAX: usize = 6;

/// Chosen metrics shown.
const CHOSEN_MAX: usize = 24;

/// Scrapes that a correlation needs.
const SCRAPES_MIN: usize = 8;

/// Correlation from which two metrics show the same thing.
const ALIKE: f64 = 0.98;

/// Correlation of a metric with the load from which it is shown.
const RELATED: f64 = 0.5;

/// A metric of the target over time.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricOverTime {
    /// Name of the metric.
    pub name: String,
    /// True for a counter, whose values are per second.
    pub per_second: bool,
    /// True if it was chosen by name.
    pub chosen: bool,
    /// Rank correlation with the achieved rate, -1 to 1. `None` with too few values, or if the rate or the metric is
    /// constant.
    pub correlation: Option<f64>,
    /// Times, in seconds.
    pub at_s: Vec<f64>,
    /// Values. `None` if the target did not report one.
    pub values: Vec<Option<f64>>,
}

/// Returns the chosen metrics, then those that moved most with the load.
///
/// The load is the achieved rate. Metrics are ordered by the size of their rank correlation with it (Spearman, American
/// Journal of Psychology 15, 1904), and a metric that moves like an earlier one is left out. The correlation describes the
/// run; it is no test, because the values of neighbouring seconds depend on each other.
pub(crate) fn target_metrics(run: &Run) -> Vec<MetricOverTime> {
    let metrics = &run.metrics;
    let all = metrics.series.iter().map(|series| over_time(run, series));
    let (chosen, mut others): (Vec<_>, Vec<_>) = all.partition(|metric| metric.chosen);
    let size = |metric: &MetricOverTime| metric.correlation.map_or(0.0, f64::abs);
    others.retain(|metric| size(metric) >= RELATED);
    others.sort_by(|one, other| {
        let order = size(other).total_cmp(&size(one));
        order.then_with(|| one.name.cmp(&other.name))
    });
    let mut shown: Vec<MetricOverTime> = chosen.into_iter().take(CHOSEN_MAX).collect();
    let limit = shown.len() + SHOWN_MAX;
    for metric in others {
        if shown.len() == limit {
            break;
        }
        if !shown.iter().any(|earlier| is_alike(earlier, &metric)) {
            shown.push(metric);
        }
    }
    shown
}

fn over_time(run: &Run, series: &MetricSeries) -> MetricOverTime {
    let at_ns = &run.metrics.at_ns;
    let mut metric = MetricOverTime {
        name: series.name.clone(),
        per_second: series.kind == MetricKind::Counter,
        chosen: series.chosen,
        correlation: None,
        at_s: Vec::new(),
        values: Vec::new(),
    };
    let mut load = Vec::new();
    let spans = at_ns.windows(2).zip(series.values.windows(2));
    for (times, values) in spans {
        let (&[from, to], &[before, after]) = (times, values) else {
            continue;
        };
        let seconds = to.saturating_sub(from) as f64 / 1e9;
        let value = match series.kind {
            // A counter that decreases belongs to a restarted process.
            MetricKind::Counter => before
                .zip(after)
                .map(|(before, after)| (after - before) / seconds)
                .filter(|rate| rate.is_finite() && *rate >= 0.0),
            MetricKind::Gauge => after,
        };
        let at = match series.kind {
            MetricKind::Counter => (from as f64 + to as f64) / 2e9,
            MetricKind::Gauge => to as f64 / 1e9,
        };
        metric.at_s.push(at);
        metric.values.push(value);
        load.push(achieved(run, from, to));
    }
    let pairs: Vec<(f64, f64)> = metric
        .values
        .iter()
        .zip(&load)
        .filter_map(|(value, load)| Some(((*value)?, (*load)?)))
        .collect();
    metric.correlation = rank_correlation(&pairs);
    metric
}

/// Returns the rate of expected answers in a period. `None` outside the time line.
fn achieved(run: &Run, from_ns: u64, to_ns: u64) -> Option<f64> {
    let (mut completed, mut covered_ns) = (0.0, 0.0);
    let rows = &run.timeline.rows;
    let first = rows.partition_point(|row| row.end_ns() <= from_ns);
    for row in rows[first..].iter().take_while(|row| row.start_ns < to_ns) {
        let part = row.end_ns().min(to_ns) - row.start_ns.max(from_ns);
        completed += (row.reads + row.writes) as f64 * part as f64 / row.duration_ns.max(1) as f64;
        covered_ns += part as f64;
    }
    (covered_ns > 0.0).then(|| completed / (covered_ns / 1e9))
}

/// Returns the rank correlation of pairs. `None` for few pairs or a constant side.
fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < SCRAPES_MIN {
        return None;
    }
    let (one, other): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (one, other) = (ranks(&one), ranks(&other));
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum()
    };
    let squares = product(&one, &one) * product(&other, &other);
    (squares > 0.0).then(|| product(&one, &other) / squares.sqrt())
}

fn is_alike(one: &MetricOverTime, other: &MetricOverTime) -> bool {
    let pairs = one.values.iter().zip(&other.values);
    let pairs: Vec<(f64, f64)> = pairs.filter_map(|(a, b)| (*a).zip(*b)).collect();
    rank_correlation(&pairs).is_some_and(|correlation| correlation.abs() >= ALIKE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_matches_published_example() {
        // Ranks of ten students in two subjects (Kendall, Rank Correlation Methods, 1948, chapter 1): rho = -17/165.
        let one = [7.0, 4.0, 3.0, 10.0, 6.0, 2.0, 9.0, 8.0, 1.0, 5.0];
        let other = [5.0, 7.0, 3.0, 10.0, 1.0, 9.0, 6.0, 2.0, 8.0, 4.0];
        let pairs: Vec<(f64, f64)> = one.into_iter().zip(other).collect();
        let correlation = rank_correlation(&pairs).unwrap();
        assert!((correlation + 17.0 / 165.0).abs() < 1e-12, "{correlation}");
    }

    #[test]
    fn constant_or_short_series_have_no_correlation() {
        assert_eq!(rank_correlation(&[(1.0, 2.0); 20]), None);
        assert_eq!(rank_correlation(&[(1.0, 2.0), (2.0, 3.0)]), None);
    }
}
