//! Abort rules: end a run once a rule is certainly missed.
//!
//! An abort rule is judged once a second over the counted phases so far. So many looks invite false
//! alarms, so a rule aborts only if the whole interval of four standard errors (1 in 30,000 for a
//! single look) lies beyond its limit. For errors and percentiles that is Wilson's interval of a
//! proportion: a 99th percentile is above its limit if more than 1% of the requests are. Samples are
//! assumed to be independent, which those of one stall are not. A slow start is tolerated with `after`,
//! or with a warm-up, which is never judged.

use std::time::Duration;

use hdrhistogram::Histogram;
use tenfold_run_dir::counts::Aborted;
use tenfold_scenarios::{Comparison, Kind, Latency, Metric, Rule, Scenario, Scope};

use crate::clock::nanoseconds;

/// Half the width of the intervals, in standard errors.
const Z: f64 = 4.0;

/// The fewest ended requests before errors are judged.
const ENDED_MIN: u64 = 20;

/// The fewest samples before a mean is judged.
const MEAN_SAMPLES_MIN: u64 = 100;

/// The fewest samples beyond a percentile before it is judged.
const SAMPLES_BEYOND: f64 = 10.0;

/// The data that a rule on a latency is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// The statistic that the rule limits, as measured so far, in nanoseconds.
    pub(crate) measured: f64,
    /// The number of values.
    pub(crate) count: u64,
    /// The number of values above the rule's limit.
    pub(crate) above: u64,
    /// The standard deviation of the values, in nanoseconds.
    pub(crate) deviation: f64,
}

impl Sample {
    /// Summarizes values, in nanoseconds, for a rule.
    pub(crate) fn of(values: &Histogram<u64>, rule: &Rule) -> Self {
        let above = values
            .iter_recorded()
            .filter(|step| values.lowest_equivalent(step.value_iterated_to()) as f64 > rule.limit)
            .map(|step| step.count_at_value())
            .sum();
        let measured = match rule.metric {
            Metric::Quantile(_, quantile) => values.value_at_quantile(quantile) as f64,
            Metric::Mean(_) => values.mean(),
            _ => values.max() as f64,
        };
        Self {
            measured,
            count: values.len(),
            above,
            deviation: values.stdev(),
        }
    }
}

/// The latency that an abort rule limits. `None` for other rules.
pub(crate) fn latency_of(rule: &Rule) -> Option<tenfold_run_dir::Metric> {
    rule.abort?;
    match rule.metric {
        Metric::Quantile(latency, _) | Metric::Mean(latency) | Metric::Max(latency) => {
            Some(match latency {
                Latency::Response => tenfold_run_dir::Metric::Response,
                Latency::Service => tenfold_run_dir::Metric::Service,
                Latency::FirstEvent => tenfold_run_dir::Metric::FirstEvent,
                Latency::EventGap => tenfold_run_dir::Metric::EventGap,
                Latency::RoundTrip => tenfold_run_dir::Metric::RoundTrip,
            })
        }
        Metric::Errors | Metric::Rate => None,
    }
}

/// Returns true if a rule's scope includes a request.
pub(crate) fn in_scope(scope: Scope, request: usize, kind: Kind) -> bool {
    match scope {
        Scope::All => true,
        Scope::Kind(of) => of == kind,
        Scope::Request(index) => index == request,
    }
}

/// The first abort rule that is certainly missed at `now`. `None` if there is none.
///
/// `samples` has the latencies of abort rules, by rule index. `ended` returns, for a rule, how many
/// requests failed or were dropped, and how many ended.
pub(crate) fn missed_rule(
    scenario: &Scenario,
    now: Duration,
    samples: &[(usize, Sample)],
    ended: impl Fn(&Rule) -> (u64, u64),
) -> Option<Aborted> {
    let counted = counted_until(scenario, now);
    scenario.rules.iter().enumerate().find_map(|(index, rule)| {
        if rule.abort?.after > counted {
            return None;
        }
        let sample = samples.iter().find(|(of, _)| *of == index);
        let (measured, samples) = match (rule.metric, sample) {
            (Metric::Errors, _) => {
                let (lost, count) = ended(rule);
                let sure =
                    count >= ENDED_MIN && misses(rule, share_interval(lost, count), rule.limit);
                sure.then(|| (lost as f64 / count as f64, count))?
            }
            (_, Some((_, sample))) => (latency_missed(rule, sample)?, sample.count),
            _ => return None,
        };
        Some(Aborted {
            rule: index,
            at_ns: nanoseconds(now),
            measured,
            samples,
        })
    })
}

/// The elapsed part of the counted phases.
fn counted_until(scenario: &Scenario, now: Duration) -> Duration {
    let counted = scenario.phases.iter().filter(|phase| !phase.warm_up);
    counted
        .map(|phase| now.saturating_sub(phase.start).min(phase.duration))
        .sum()
}

/// The measured statistic if the rule is certainly missed, else `None`.
fn latency_missed(rule: &Rule, sample: &Sample) -> Option<f64> {
    let count = sample.count as f64;
    let sure = match rule.metric {
        // A quantile is above the limit if a larger share of values is above the limit than should be
        // beyond the quantile.
        Metric::Quantile(_, quantile) => {
            let beyond = 1.0 - quantile;
            count * beyond >= SAMPLES_BEYOND
                && misses(rule, share_interval(sample.above, sample.count), beyond)
        }
        Metric::Mean(_) => {
            let reach = Z * sample.deviation / count.sqrt();
            let interval = [sample.measured - reach, sample.measured + reach];
            sample.count >= MEAN_SAMPLES_MIN && misses(rule, interval, rule.limit)
        }
        // A maximum only rises: once beyond its limit, it stays there.
        Metric::Max(_) => {
            let bounds = [sample.measured, f64::INFINITY];
            sample.count > 0 && misses(rule, bounds, rule.limit)
        }
        Metric::Errors | Metric::Rate => false,
    };
    sure.then_some(sample.measured)
}

/// Returns true if a whole interval is on the wrong side of a limit.
fn misses(rule: &Rule, [low, high]: [f64; 2], limit: f64) -> bool {
    match rule.comparison {
        Comparison::Less | Comparison::LessOrEqual => low > limit,
        Comparison::Greater | Comparison::GreaterOrEqual => high < limit,
    }
}

/// Wilson's interval of a proportion, four standard errors to either side.
fn share_interval(hits: u64, count: u64) -> [f64; 2] {
    if count == 0 {
        return [0.0, 1.0];
    }
    let n = count as f64;
    let share = hits as f64 / n;
    let centre = share + Z * Z / (2.0 * n);
    let reach = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    [(centre - reach) / scale, (centre + reach) / scale]
}

/// Describes which rule ended a run, when, and at which value.
pub(crate) fn describe_abort(rule: &Rule, aborted: &Aborted) -> String {
    let measured = match rule.metric {
        Metric::Errors | Metric::Rate => format!("{:.3}%", aborted.measured * 100.0),
        _ if aborted.measured < 1e9 => format!("{:.3} ms", aborted.measured / 1e6),
        _ => format!("{:.3} s", aborted.measured / 1e9),
    };
    format!(
        "aborted by rule `{}` at {:.0} s: {measured} over {} requests",
        rule.text,
        aborted.at_ns as f64 / 1e9,
        aborted.samples
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tenfold_run_dir::latency_histogram;

    use super::*;

    fn scenario(rule: &str) -> Scenario {
        let text = format!(
            r#"
            version = 1
            name = "abort"
            rules = ['''{rule}''']
            [[phases]]
            name = "warm"
            kind = "constant"
            rate = "1000/s"
            duration = "5s"
            warm_up = true
            [[phases]]
            name = "all"
            kind = "constant"
            rate = "1000/s"
            duration = "60s"
            [[requests]]
            name = "read"
            kind = "read"
            weight = 1
            path = "/"
            "#
        );
        Scenario::parse(&text, Path::new("abort.toml")).unwrap()
    }

    /// Judges a rule at 10 s, with `quick` values of 10 ms and `slow` values of 100 ms.
    fn by_latency(rule: &str, quick: u64, slow: u64) -> Option<Aborted> {
        let scenario = scenario(rule);
        let mut values = latency_histogram();
        for (value, count) in [(10_000_000, quick), (100_000_000, slow)] {
            if count > 0 {
                values.record_n(value, count).unwrap();
            }
        }
        let samples = [(0, Sample::of(&values, &scenario.rules[0]))];
        missed_rule(&scenario, Duration::from_secs(10), &samples, |_| (0, 0))
    }

    fn by_errors(rule: &str, at_s: u64, lost: u64, count: u64) -> Option<Aborted> {
        let now = Duration::from_secs(at_s);
        missed_rule(&scenario(rule), now, &[], |_| (lost, count))
    }

    #[test]
    fn quantile_aborts_when_certainly_missed() {
        let rule = "p99 < 50ms, abort";
        // Of 10,000 requests 100 may be slow; the standard error is 10.
        for (slow, aborts) in [(0, false), (100, false), (130, false), (160, true)] {
            assert_eq!(
                by_latency(rule, 10_000 - slow, slow).is_some(),
                aborts,
                "{slow}"
            );
        }
        let aborted = by_latency(rule, 9_000, 1_000).unwrap();
        assert!((aborted.measured / 1e8 - 1.0).abs() < 0.001);
        assert_eq!((aborted.samples, aborted.at_ns), (10_000, 10_000_000_000));
        assert_eq!(by_latency(rule, 0, 999), None, "too few samples beyond");
        assert_eq!(by_latency("p99 < 50ms", 0, 10_000), None, "it never aborts");
    }

    #[test]
    fn mean_and_maximum_abort() {
        assert!(by_latency("mean < 20ms, abort", 500, 500).is_some());
        assert_eq!(by_latency("mean < 20ms, abort", 890, 110), None);
        assert!(by_latency("max < 50ms, abort", 9_999, 1).is_some());
        assert_eq!(by_latency("max < 50ms, abort", 9_999, 0), None);
        assert_eq!(by_latency("max > 500ms, abort", 0, 9_999), None);
    }

    #[test]
    fn errors_abort_after_enough_requests() {
        let rule = "errors < 5%, abort";
        assert_eq!(by_errors(rule, 10, 19, 19), None);
        assert!(by_errors(rule, 10, 20, 20).is_some());
        assert_eq!(by_errors(rule, 10, 60, 1_000), None, "6% may be chance");
        assert!(by_errors(rule, 10, 100, 1_000).is_some());
    }

    #[test]
    fn after_excludes_warm_up() {
        let rule = "errors < 5%, abort after 10s";
        assert_eq!(by_errors(rule, 14, 100, 100), None);
        assert!(by_errors(rule, 15, 100, 100).is_some());
    }

    #[test]
    fn false_alarms_are_rare_at_the_limit() {
        // 200 runs of a minute at 100/s against a service with an error rate exactly at the limit, judged
        // every second.
        let mut state = 1_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        let scenario = scenario("errors < 5%, abort");
        let mut aborted = 0;
        for _ in 0..200 {
            let (mut lost, mut count) = (0, 0);
            for second in 6..=65 {
                lost += (0..100).filter(|_| random() < 0.05).count() as u64;
                count += 100;
                let now = Duration::from_secs(second);
                if missed_rule(&scenario, now, &[], |_| (lost, count)).is_some() {
                    aborted += 1;
                    break;
                }
            }
        }
        assert!(aborted <= 1, "{aborted} of 200 runs");
    }

    #[test]
    fn description_has_rule_time_and_value() {
        let scenario = scenario("p99 < 50ms, abort");
        let aborted = by_latency("p99 < 50ms, abort", 9_000, 1_000).unwrap();
        let text = describe_abort(&scenario.rules[0], &aborted);
        assert!(
            text.starts_with("aborted by rule `p99 < 50ms, abort` at 10 s: 100."),
            "{text}"
        );
    }
}
