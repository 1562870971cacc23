//! The outcome of a trial, from its run.

use tenfold_run_dir::{Metric, Run, latency_histogram};

use super::clustering::{SlowShare, clustering, widened};
use super::trial::Outcome;
use crate::findings::in_flight_trend::InFlightTrend;
use crate::summary::Summary;
use crate::summary::rule_result::RuleResult;
use crate::summary::verdict::MeasurementVerdict;
use crate::summary::window::Window;
use tenfold_stats::wilson_interval;

/// Answered share of the offered rate below which a rate is not sustained.
const ANSWERED_MIN: f64 = 0.99;

/// Standard deviations of the difference between the requests in flight at the end and at the beginning that are chance.
const DEVIATIONS: f64 = 3.0;

/// Requests in flight at the end that are chance at the lowest rates.
const EDGE: f64 = 3.0;

/// Share of failed and dropped arrivals above which a rate is not sustained.
const FAILED_MAX: f64 = 0.001;

/// Judges whether the service sustained the rate of a trial.
///
/// It did if at least 99% of the arrivals were answered in time, at most 0.1% failed or were dropped, every objective is
/// met with the whole of its 95% interval, and the requests in flight did not pile up. Intervals of latencies are widened,
/// because slow requests come in clusters. An objective for which the trial is too short does not count.
pub fn judge_trial(run: &Run, summary: &Summary) -> Outcome {
    let rates = &summary.rate_per_s;
    let arrivals = &summary.arrivals;
    let not_sustained = Outcome::NotSustained {
        achieved: rates.achieved,
    };
    let own = summary.generator_gave_out() || summary.too_few_users.is_some();
    if own || arrivals.planned == 0 {
        return Outcome::NotMeasured;
    }
    let falls_behind = falls_behind(summary);
    let piles_up = InFlightTrend::of(run, &Window::of(run)).grows();
    // Requests that left late were sent all the same: the service had them to answer.
    let is_sent = !rates.falls_short();
    if is_sent && (falls_behind && piles_up || misses_without_lag(summary)) {
        return not_sustained;
    }
    if rates.falls_short() && arrivals.dropped == 0
        || summary.verdict.measurement == MeasurementVerdict::Invalid
    {
        return Outcome::NotMeasured;
    }
    let lost = arrivals.failed + arrivals.dropped;
    let [lost_min, _] = wilson_interval(lost, arrivals.planned);
    if falls_behind || piles_up || lost_min > FAILED_MAX {
        return not_sustained;
    }
    let rules = || summary.rules.iter().filter(|rule| rule.met.is_some());
    if rules().any(|rule| rule.met == Some(false) && !is_close(run, rule)) {
        return not_sustained;
    }
    let too_many_lost = lost as f64 > FAILED_MAX * arrivals.planned as f64;
    match too_many_lost || rules().any(|rule| is_close(run, rule)) {
        true => Outcome::Undecided,
        false => Outcome::Sustained,
    }
}

/// Returns whether an objective on a latency is missed even without the lag of the generator.
fn misses_without_lag(summary: &Summary) -> bool {
    let lag = summary.generator.lag_p99_ns.unwrap_or(0) as f64;
    let mut missed = summary
        .rules
        .iter()
        .filter(|rule| rule.met == Some(false) && rule.unit == "ns");
    missed.any(|rule| {
        let least = rule.interval_95.map(|[low, _]| low).or(rule.measured);
        least
            .zip(rule.limit)
            .is_some_and(|(least, limit)| least - lag > limit)
    })
}

/// Returns whether more arrivals stayed unanswered than those in flight at the beginning and at the end explain.
fn falls_behind(summary: &Summary) -> bool {
    let rates = &summary.rate_per_s;
    let planned = summary.arrivals.planned as f64;
    let unanswered = planned * (1.0 - rates.share.unwrap_or(0.0));
    // Little's law; the numbers at both ends are about Poisson.
    let in_flight = rates.offered * summary.latency_ns.response.p50.unwrap_or(0) as f64 / 1e9;
    let by_chance = DEVIATIONS * (2.0 * in_flight).sqrt() + EDGE;
    unanswered > (1.0 - ANSWERED_MIN) * planned && unanswered > by_chance
}

/// Returns whether the limit of an objective is within the error of the measured value.
fn is_close(run: &Run, rule: &RuleResult) -> bool {
    let (Some(measured), Some(limit), Some(interval)) =
        (rule.measured, rule.limit, rule.interval_95)
    else {
        return false;
    };
    let [low, high] = match rule.unit.as_str() {
        "ns" => widened(measured, interval, clustering(&slow_shares(run, limit))),
        // Without a failure, a short trial can say no more.
        _ if measured == 0.0 => return false,
        _ => interval,
    };
    low < limit && limit < high
}

/// Returns the answers per second within the strictest latency limit of the objectives. `None` without such a limit, or
/// without a whole counted second.
pub fn goodput(run: &Run, summary: &Summary) -> Option<f64> {
    let limits = summary.rules.iter().filter(|rule| rule.unit == "ns");
    let limit = limits
        .filter_map(|rule| rule.limit)
        .min_by(f64::total_cmp)?;
    let shares = slow_shares(run, limit);
    let quick: u64 = shares.iter().map(|own| own.all - own.slow).sum();
    let seconds = shares.len() as f64 * run.latencies.columns().column_ns() as f64 / 1e9;
    (seconds > 0.0).then(|| quick as f64 / seconds)
}

/// Returns the answers of each counted second, and those that took longer than a limit, in nanoseconds.
fn slow_shares(run: &Run, limit_ns: f64) -> Vec<SlowShare> {
    let columns = run.latencies.columns();
    let window = Window::of(run);
    let mut shares = Vec::new();
    for (column, sum) in columns.of(Metric::Response) {
        if window.share(column * columns.column_ns(), columns.column_ns()) < 1.0 {
            continue;
        }
        let mut histogram = latency_histogram();
        sum.add_to(&mut histogram);
        let limit = limit_ns.clamp(0.0, u64::MAX as f64) as u64;
        let quick = histogram.count_between(0, limit);
        shares.push(SlowShare {
            slow: histogram.len().saturating_sub(quick),
            all: histogram.len(),
        });
    }
    shares
}
