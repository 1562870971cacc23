//! Objections from the generator's own lateness.

use tenfold_run_dir::Metric;

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::stats::order_statistic::OrderStatistics;
use crate::summary::Summary;
use crate::summary::generator::lag_bound_ns;
use crate::verdict::objection::{Objection, invalid, suspect};

/// The share of the offered rate that must be achieved, but for the service's own doing.
const LEAST_SHARE: f64 = 0.99;

/// Where half of the shortfall that makes a measurement invalid is reached.
const SUSPECT_SHARE: f64 = 0.995;

pub(super) fn lag(summary: &Summary) -> Option<Objection> {
    let lag = summary.generator.lag_p99_ns?;
    let bound = summary.generator.lag_bound_ns;
    if lag > bound {
        return invalid(format!(
            "the generator was late: its own lag was {} at p99, and {} is the most that leaves the \
             response times the service's",
            format::duration(lag),
            format::duration(bound)
        ));
    }
    if lag > bound / 2 {
        return suspect(format!(
            "the generator was nearly late: its own lag was {} at p99, over half of the {} that \
             would make the measurement invalid",
            format::duration(lag),
            format::duration(bound)
        ));
    }
    None
}

/// Weighs what was offered and not achieved. The service is to blame for what it answered late or
/// wrongly, and for arrivals that waited or were dropped because it was slow; the generator for what
/// it had no processor time left to send.
pub(super) fn shortfall(summary: &Summary) -> Option<Objection> {
    let share = summary.rate_per_s.share?;
    let generator = &summary.generator;
    let counted_seconds = summary.counted_s.max(1.0);
    let saturated = generator.saturated_seconds as f64 / counted_seconds;
    if share >= SUSPECT_SHARE || saturated < 0.01 {
        return None;
    }
    let figures = format!(
        "{} of the offered rate was achieved, and the generator's own thread had no processor time \
         to spare in {} of {} seconds",
        format::percent(share),
        generator.saturated_seconds,
        format::significant(counted_seconds)
    );
    if share < LEAST_SHARE {
        invalid(format!(
            "the generator could not send fast enough: {figures}"
        ))
    } else {
        suspect(format!(
            "the generator could hardly send fast enough: {figures}"
        ))
    }
}

/// The bound of p99, asked of p99.9: a short freeze of the generator hides beyond p99.
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
        "the tail beyond p99 is partly the generator's own: its lag was {} at p99.9",
        format::duration(late)
    ))
}
