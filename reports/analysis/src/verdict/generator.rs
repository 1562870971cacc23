//! Objections to a generator that sent late.

use tenfold_run_dir::Metric;

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::stats::order_statistic::OrderStatistics;
use crate::summary::Summary;
use crate::summary::generator::lag_bound_ns;
use crate::verdict::objection::{Objection, invalid, suspect};

/// Achieved share of the offered rate below which a saturated generator makes the measurement invalid.
const INVALID_SHARE: f64 = 0.99;

/// Achieved share of the offered rate below which a saturated generator makes the measurement suspect.
const SUSPECT_SHARE: f64 = 0.995;

/// Objects to a lag above or near the bound.
pub(super) fn lag(summary: &Summary) -> Option<Objection> {
    let lag = summary.generator.lag_p99_ns?;
    let bound = summary.generator.lag_bound_ns;
    if lag > bound {
        return invalid(format!(
            "the generator was late: its lag was {} at p99, and above {} the response times are no longer \
             those of the service",
            format::duration(lag),
            format::duration(bound)
        ));
    }
    if lag > bound / 2 {
        return suspect(format!(
            "the generator was nearly late: its lag was {} at p99, more than half of the {} above which \
             the measurement is invalid",
            format::duration(lag),
            format::duration(bound)
        ));
    }
    None
}

/// Objects to a shortfall of the achieved rate for which the generator had too little CPU time.
///
/// Late or wrong responses, and arrivals that waited or were dropped because the service was slow, are
/// attributed to the service.
pub(super) fn shortfall(summary: &Summary) -> Option<Objection> {
    let share = summary.rate_per_s.share?;
    let generator = &summary.generator;
    let counted_seconds = summary.counted_s.max(1.0);
    let saturated = generator.saturated_seconds as f64 / counted_seconds;
    if share >= SUSPECT_SHARE || saturated < 0.01 {
        return None;
    }
    let figures = format!(
        "{} of the offered rate was achieved, and the generator thread had no CPU time to spare in {} of \
         {} seconds",
        format::percent(share),
        generator.saturated_seconds,
        format::significant(counted_seconds)
    );
    if share < INVALID_SHARE {
        invalid(format!(
            "the generator could not send fast enough: {figures}"
        ))
    } else {
        suspect(format!(
            "the generator could barely send fast enough: {figures}"
        ))
    }
}

/// Applies the lag bound of p99 to p99.9, because p99 hides a short freeze of the generator.
pub(super) fn lag_in_the_tail(counted: &CountedLatencies) -> Option<Objection> {
    let of = |metric| OrderStatistics::of(&counted.histogram(metric, |_| true));
    let (lag, response) = (of(Metric::Lag), of(Metric::Response));
    let late = lag.quantile(0.999)?.value;
    let bound = lag_bound_ns(response.quantile(0.999).map(|estimate| estimate.value));
    let within_p99 = lag.raw_quantile(0.99)? <= lag_bound_ns(response.raw_quantile(0.99)) / 2;
    if late <= bound || !within_p99 {
        return None;
    }
    suspect(format!(
        "the tail beyond p99 is partly due to the generator: its lag was {} at p99.9",
        format::duration(late)
    ))
}
