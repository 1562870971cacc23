//! Objections to a generator that sent late.

use tenfold_run_dir::Metric;

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::Summary;
use crate::summary::generator::lag_bound_ns;
use crate::verdict::objection::{Objection, invalid, suspect};
use tenfold_stats::OrderStatistics;

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

#[cfg(test)]
mod tests {
    use tenfold_run_dir::{IntervalFold, IntervalHistogram, Run, Series, SparseHistogram};

    use super::*;
    use crate::summarise;
    use crate::summary::verdict::MeasurementVerdict::{self, Invalid, Suspect};
    use crate::verdict::brief_run;

    const MS: u64 = 1_000_000;

    fn grade(objection: Option<Objection>) -> Option<MeasurementVerdict> {
        objection.map(|objection| objection.grade)
    }

    #[test]
    fn lag_is_suspect_above_half_of_its_bound() {
        let mut summary = summarise(&brief_run());
        summary.generator.lag_bound_ns = 10 * MS;
        for (lag_ns, expected) in [
            (None, None),
            (Some(5 * MS), None),
            (Some(5 * MS + 1), Some(Suspect)),
            (Some(10 * MS), Some(Suspect)),
            (Some(10 * MS + 1), Some(Invalid)),
        ] {
            summary.generator.lag_p99_ns = lag_ns;
            assert_eq!(grade(lag(&summary)), expected, "{lag_ns:?}");
        }
    }

    #[test]
    fn shortfall_needs_a_saturated_generator() {
        let mut summary = summarise(&brief_run());
        for (share, saturated_seconds, counted_s, expected) in [
            (None, 200, 200.0, None),
            (Some(0.995), 200, 200.0, None),
            (Some(0.9949), 200, 200.0, Some(Suspect)),
            (Some(0.99), 200, 200.0, Some(Suspect)),
            (Some(0.9899), 200, 200.0, Some(Invalid)),
            // From a hundredth of the seconds on.
            (Some(0.9), 2, 200.0, Some(Invalid)),
            (Some(0.9), 1, 200.0, None),
            (Some(0.9), 0, 0.5, None),
        ] {
            summary.rate_per_s.share = share;
            summary.generator.saturated_seconds = saturated_seconds;
            summary.counted_s = counted_s;
            let graded = grade(shortfall(&summary));
            assert_eq!(
                graded, expected,
                "{share:?} {saturated_seconds} {counted_s}"
            );
        }
    }

    /// A run of a million requests, with the lags of most and of some, and one response time.
    fn run(lag_ns: u64, (late, late_ns): (u64, u64), response_ns: u64) -> Run {
        let mut run = brief_run();
        run.latencies = IntervalFold::over(&run.timeline);
        let many = 1_000_000;
        for (metric, values) in [
            (Metric::Lag, [(lag_ns, many - late), (late_ns, late)]),
            (Metric::Response, [(response_ns, many), (response_ns, 0)]),
        ] {
            let mut histogram = tenfold_run_dir::latency_histogram::<u64>();
            for (value, count) in values {
                histogram.record_n(value, count).unwrap();
            }
            run.latencies.add(&IntervalHistogram {
                series: Series {
                    metric,
                    phase: 1,
                    request: 0,
                },
                start_ns: 2_000 * MS,
                duration_ns: 1_000 * MS,
                histogram: SparseHistogram::of(&histogram),
            });
        }
        run
    }

    #[test]
    fn lag_in_the_tail_is_judged_by_the_bound_of_p99() {
        let judged = |lag_ns: u64, late: (u64, u64), response_ns: u64| {
            let run = run(lag_ns, late, response_ns);
            grade(lag_in_the_tail(&CountedLatencies::of(&run)))
        };
        // The bound is 10 ms, or a tenth of the response time.
        assert_eq!(judged(MS, (1_100, 11 * MS), MS), Some(Suspect));
        assert_eq!(judged(MS, (1_100, 9 * MS), MS), None);
        assert_eq!(judged(MS, (900, 11 * MS), MS), None, "beyond p99.9");
        assert_eq!(judged(MS, (1_100, 40 * MS), 500 * MS), None);
        assert_eq!(judged(MS, (1_100, 60 * MS), 500 * MS), Some(Suspect));
        // A lag above half of the bound at p99 has an objection of its own.
        assert_eq!(judged(6 * MS, (1_100, 11 * MS), MS), None);
        assert_eq!(judged(4 * MS, (1_100, 11 * MS), MS), Some(Suspect));
        assert_eq!(judged(6 * MS, (1_100, 60 * MS), 500 * MS), Some(Suspect));
    }
}
