//! Metrics of a round.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tenfold_analysis::gate::{Attempts, Decision, Metric, Pair, Role, Side};
use tenfold_run_dir::timeline::{Row, SideRow};

use crate::rounds::meter::Reading;

/// Mean CPU time of a request.
pub(crate) const CPU: &str = "CPU per request";
/// Mean response time. The generator's lag is subtracted from all response times here: it is the same for both
/// builds, and would hide a part of their difference.
pub(crate) const MEAN: &str = "mean response time";
/// 90th percentile of response time.
pub(crate) const P90: &str = "p90 response time";
/// 99th percentile of response time.
pub(crate) const P99: &str = "p99 response time";
/// Allocations per request.
pub(crate) const ALLOCATIONS: &str = "allocations per request";

/// Waits below this are treated as zero, in microseconds per request.
const WAIT_FLOOR_US: f64 = 20.0;

/// Largest p99 lag of a usable round. A generator that is later sends delayed requests in a burst, whose
/// response times say little about either build.
const LAG_P99_MAX: Duration = Duration::from_millis(100);

/// Smallest number of samples beyond a percentile.
const BEYOND_MIN: f64 = 10.0;

/// Returns the name of the wait for a component.
pub(crate) fn wait_for(component: &str) -> String {
    format!("wait for {component}")
}

/// Returns the metrics that both builds report, in the order in which they are shown.
///
/// CPU time, mean and p90 response time, waits and allocations are gated. p99 only informs, and so does p90 if
/// a round has too few requests. `readings` shows what each build reports; `requests` is the number of
/// requests that a round sends to one build.
pub(crate) fn metrics(readings: &Pair<Reading>, requests: f64) -> Vec<Metric> {
    let (a, b) = (&readings.baseline, &readings.candidate);
    let mut metrics = Vec::new();
    if a.cpu.is_some() && b.cpu.is_some() {
        metrics.push(Metric::gated(CPU, "us"));
    }
    metrics.push(Metric::gated(MEAN, "us"));
    metrics.push(p90(requests));
    for component in a
        .waits_s
        .keys()
        .filter(|name| b.waits_s.contains_key(*name))
    {
        metrics.push(Metric {
            floor: WAIT_FLOOR_US,
            ..Metric::gated(&wait_for(component), "us")
        });
    }
    if a.allocations.is_some() && b.allocations.is_some() {
        metrics.push(Metric::gated(ALLOCATIONS, ""));
    }
    metrics.push(Metric {
        role: Role::Informs,
        ..Metric::gated(P99, "us")
    });
    metrics
}

/// Returns a sentence for each metric that is not compared, because not both builds report it.
pub(crate) fn not_compared(readings: &Pair<Reading>) -> Vec<String> {
    let (a, b) = (&readings.baseline, &readings.candidate);
    let mut sentences = Vec::new();
    let mut note = |what: &str, of_a: bool, of_b: bool| match (of_a, of_b) {
        (true, false) => sentences.push(format!(
            "The candidate does not report its {what}, which is therefore not compared."
        )),
        (false, true) => sentences.push(format!(
            "The baseline does not report its {what}, which is therefore not compared."
        )),
        _ => {}
    };
    note("CPU time", a.cpu.is_some(), b.cpu.is_some());
    let components: BTreeSet<&String> = a.waits_s.keys().chain(b.waits_s.keys()).collect();
    for component in components {
        let of = |reading: &Reading| reading.waits_s.contains_key(component);
        note(&wait_for(component), of(a), of(b));
    }
    note(
        ALLOCATIONS,
        a.allocations.is_some(),
        b.allocations.is_some(),
    );
    if a.cpu.is_none() && b.cpu.is_none() {
        sentences.push(
            "CPU time is not compared: it is known only for builds that the gate starts itself."
                .to_owned(),
        );
    }
    sentences
}

/// Returns the highest throughput of one processor for each build, in requests per second, if CPU time is the
/// only limit: the inverse of the CPU time of a request, by the utilisation law (Denning and Buzen, 1978,
/// U = X S). `None` if CPU time was not compared.
pub(crate) fn capacity(decision: &Decision) -> Option<Pair<f64>> {
    let mut results = decision.metrics.iter();
    let cpu = results.find(|result| result.metric.name == CPU)?.medians?;
    (cpu.baseline > 0.0 && cpu.candidate > 0.0).then(|| cpu.map(|us| 1e6 / us))
}

/// Smallest mean number of requests in a round with which nearly all rounds have enough samples beyond a quantile.
pub(crate) fn requests_min(share: f64) -> f64 {
    // Arrivals are random: half of the rounds have fewer requests than the mean.
    (BEYOND_MIN + 3.0 * BEYOND_MIN.sqrt()) / (1.0 - share)
}

fn p90(requests: f64) -> Metric {
    let metric = Metric::gated(P90, "us");
    let least = requests_min(0.9);
    if requests >= least {
        return metric;
    }
    Metric {
        role: Role::Informs,
        not_gated_because: Some(format!(
            "a round sends {requests:.0} requests to a build, but p90 needs {least:.0}; give a higher --rate or \
             a longer --round"
        )),
        ..metric
    }
}

/// Load of one side in a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Load {
    /// Counts and sums.
    pub(crate) row: SideRow,
    /// Counts of response times without the generator's lag, by value in nanoseconds.
    pub(crate) responses: BTreeMap<u64, u64>,
    /// Counts of the generator's lag, by value in nanoseconds.
    pub(crate) lags: BTreeMap<u64, u64>,
}

/// Adds up the rows of a run's time line between `from` and `to`, for each side.
pub(crate) fn add_rows(rows: &[Row], from: Duration, to: Duration) -> Pair<SideRow> {
    let within = rows.iter().filter(|row| {
        let start = Duration::from_nanos(row.start_ns);
        start >= from && start + Duration::from_nanos(row.duration_ns) <= to
    });
    let mut sum = Pair::<SideRow>::default();
    for sides in within.filter_map(|row| row.sides.as_ref()) {
        sum.baseline.add(&sides.baseline);
        sum.candidate.add(&sides.candidate);
    }
    sum
}

/// Returns whether the generator itself was so late that the response times of the round are meaningless.
pub(crate) fn is_late(load: &Pair<Load>) -> bool {
    let mut lags = load.baseline.lags.clone();
    for (lag, count) in &load.candidate.lags {
        *lags.entry(*lag).or_default() += count;
    }
    quantile(&lags, 0.99).is_some_and(|lag| lag > LAG_P99_MAX.as_nanos() as u64)
}

/// Returns the metrics of one round and its attempts. There are no metrics if a side completed nothing, and
/// no response times if the generator was late.
pub(crate) fn measure(
    load: &Pair<Load>,
    before: &Pair<Reading>,
    after: &Pair<Reading>,
) -> (BTreeMap<String, Pair<f64>>, Pair<Attempts>) {
    let attempts = load.map(|side| Attempts {
        sent: side.row.completed + side.row.failed,
        failed: side.row.failed,
    });
    let mut values = BTreeMap::new();
    let mut note = |name: &str, of: &dyn Fn(Side) -> Option<f64>| {
        if let (Some(baseline), Some(candidate)) = (of(Side::Baseline), of(Side::Candidate)) {
            let pair = Pair {
                baseline,
                candidate,
            };
            values.insert(name.to_owned(), pair);
        }
    };
    let per_request = |side: Side, sum: f64| {
        let requests = attempts.of(side).sent;
        (requests > 0).then(|| sum / requests as f64)
    };
    note(CPU, &|side| {
        let (earlier, later) = (before.of(side).cpu.as_ref()?, after.of(side).cpu.as_ref()?);
        per_request(side, later.since(earlier).as_secs_f64() * 1e6)
    });
    if !is_late(load) {
        note(MEAN, &|side| mean_us(&load.of(side).responses));
        for (name, share) in [(P90, 0.9), (P99, 0.99)] {
            note(name, &|side| quantile_us(&load.of(side).responses, share));
        }
    }
    for component in before.baseline.waits_s.keys() {
        note(&wait_for(component), &|side| {
            let of = |reading: &Pair<Reading>| reading.of(side).waits_s.get(component).copied();
            per_request(side, (of(after)? - of(before)?) * 1e6)
        });
    }
    note(ALLOCATIONS, &|side| {
        let (earlier, later) = (before.of(side).allocations?, after.of(side).allocations?);
        per_request(side, later - earlier)
    });
    (values, attempts)
}

/// Returns the mean in microseconds. `None` without values.
fn mean_us(counts: &BTreeMap<u64, u64>) -> Option<f64> {
    let total: u64 = counts.values().sum();
    let sum: f64 = counts
        .iter()
        .map(|(value, count)| *value as f64 * *count as f64)
        .sum();
    (total > 0).then(|| sum / total as f64 / 1e3)
}

/// Returns the value at a quantile in microseconds. `None` if too few samples lie beyond it.
fn quantile_us(counts: &BTreeMap<u64, u64>, share: f64) -> Option<f64> {
    let total: u64 = counts.values().sum();
    let beyond = total - (total as f64 * share).ceil() as u64;
    if (beyond as f64) < BEYOND_MIN {
        return None;
    }
    quantile(counts, share).map(|value| value as f64 / 1e3)
}

/// Returns the value at a quantile. `None` without values.
fn quantile(counts: &BTreeMap<u64, u64>, share: f64) -> Option<u64> {
    let total: u64 = counts.values().sum();
    let rank = (total as f64 * share).ceil() as u64;
    let mut seen = 0;
    let reached = counts.iter().find(|(_, count)| {
        seen += **count;
        seen >= rank
    });
    reached.map(|(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_needs_samples_beyond() {
        let counts: BTreeMap<u64, u64> = (1..=100).map(|value| (value * 1_000, 1)).collect();
        assert_eq!(quantile_us(&counts, 0.9), Some(90.0));
        assert_eq!(quantile_us(&counts, 0.99), None);
        assert_eq!(quantile_us(&BTreeMap::new(), 0.9), None);
        assert_eq!(
            (mean_us(&counts), mean_us(&BTreeMap::new())),
            (Some(50.5), None)
        );
    }

    #[test]
    fn measures_use_per_request() {
        let side = |completed, response_ns| Load {
            row: SideRow {
                completed,
                ..SideRow::default()
            },
            responses: BTreeMap::from([(response_ns, completed)]),
            lags: BTreeMap::from([(1_000, completed)]),
        };
        let load = Pair {
            baseline: side(50, 1_000_000),
            candidate: side(50, 2_000_000),
        };
        let reading = |wait_s: f64, allocations: f64| Reading {
            waits_s: BTreeMap::from([("store".to_owned(), wait_s)]),
            allocations: Some(allocations),
            ..Reading::default()
        };
        let before = Pair {
            baseline: reading(1.0, 0.0),
            candidate: reading(2.0, 0.0),
        };
        let after = Pair {
            baseline: reading(1.01, 1_000.0),
            candidate: reading(2.01, 1_000.0),
        };
        let (values, attempts) = measure(&load, &before, &after);
        assert_eq!(
            attempts.candidate,
            Attempts {
                sent: 50,
                failed: 0
            }
        );
        assert_eq!(values[MEAN].baseline, 1_000.0);
        assert_eq!(values[MEAN].candidate, 2_000.0);
        let wait = values[&wait_for("store")];
        assert!((wait.baseline - 200.0).abs() < 1e-6 && (wait.candidate - 200.0).abs() < 1e-6);
        assert_eq!(values[ALLOCATIONS].candidate, 20.0);
        assert!(!values.contains_key(CPU) && !values.contains_key(P90));

        let mut late = load;
        // Two in a hundred of both builds.
        late.baseline.lags.insert(150_000_000, 2);
        assert!(is_late(&late));
        let (values, _) = measure(&late, &before, &after);
        assert!(!values.contains_key(MEAN) && values.contains_key(ALLOCATIONS));
    }

    #[test]
    fn metrics_need_reports_of_both_builds() {
        let reading = Reading {
            waits_s: BTreeMap::from([("store".to_owned(), 1.0), ("cache".to_owned(), 1.0)]),
            ..Reading::default()
        };
        let other = Reading {
            waits_s: BTreeMap::from([("store".to_owned(), 1.0)]),
            allocations: Some(1.0),
            ..Reading::default()
        };
        let pair = Pair {
            baseline: reading,
            candidate: other,
        };
        let metrics = |requests| metrics(&pair, requests);
        let names: Vec<String> = metrics(300.0)
            .into_iter()
            .map(|metric| metric.name)
            .collect();
        assert_eq!(names, [MEAN, P90, "wait for store", P99]);
        assert_eq!(
            not_compared(&pair),
            [
                "The candidate does not report its wait for cache, which is therefore not compared.",
                "The baseline does not report its allocations per request, which is therefore not compared.",
                "CPU time is not compared: it is known only for builds that the gate starts itself.",
            ]
        );
        assert_eq!(metrics(300.0)[1].role, Role::Gated);
        assert_eq!(metrics(100.0)[1].role, Role::Informs);
        assert!(metrics(100.0)[1].not_gated_because.is_some());
    }
}
