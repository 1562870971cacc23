//! The part of a generator's progress from which that of several generators is computed without loss.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::Aborted;
use tenfold_run_dir::latency_histogram;
use tenfold_scenarios::Scenario;

use crate::record::abort_rule::{Sample, describe_abort, latency_of, missed_rule};
use crate::record::progress::{LatencyTotal, Percentiles, Progress};

/// Recorded values of a latency histogram, in nanoseconds, with their counts.
pub(crate) type Values = Vec<(u64, u64)>;

/// The part of a generator's progress from which that of several generators is computed without loss.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressDetail {
    /// Latencies of the last second: response, service and lag.
    pub(crate) last: [Values; 3],
    /// By rule of the scenario: requests that failed or were dropped so far, and requests that ended.
    pub(crate) ended: Vec<(u64, u64)>,
    /// Latencies of the counted phases for each abort rule on a latency, with the rule's index.
    pub(crate) rules: Vec<(usize, Values)>,
}

/// Returns the recorded values of a histogram.
pub(crate) fn values_of(histogram: &Histogram<u64>) -> Values {
    let steps = histogram.iter_recorded();
    steps
        .map(|step| (step.value_iterated_to(), step.count_at_value()))
        .collect()
}

/// Adds up values of histograms of one shape, which loses nothing.
fn sum<'a>(parts: impl Iterator<Item = &'a Values>) -> Histogram<u64> {
    let mut sum = latency_histogram();
    for (value, count) in parts.flatten() {
        sum.saturating_record_n(*value, *count);
    }
    sum
}

impl Progress {
    /// Merges the progress of several generators of one run.
    ///
    /// Counts and rates are added; percentiles are those of all requests together. Time and phase are those of the
    /// generator that is furthest ahead. Without any, everything is zero.
    pub fn merged(parts: &[Progress]) -> Self {
        let Some(ahead) = parts.iter().max_by_key(|part| part.elapsed) else {
            return Self::default();
        };
        let details = || parts.iter().filter_map(|part| part.detail.as_deref());
        let last =
            |metric: usize| Percentiles::of(&sum(details().map(|detail| &detail.last[metric])));
        let mut merged = Self {
            elapsed: ahead.elapsed,
            total: ahead.total,
            phase: ahead.phase,
            response: last(0),
            service: last(1),
            lag: last(2),
            ..Self::default()
        };
        for part in parts {
            merged.offered_per_s += part.offered_per_s;
            merged.achieved_per_s += part.achieved_per_s;
            merged.planned += part.planned;
            merged.sent += part.sent;
            merged.completed += part.completed;
            merged.failed += part.failed;
            merged.dropped += part.dropped;
            merged.in_flight += part.in_flight;
            merged.waiting += part.waiting;
            for (failure, count) in &part.failures {
                let mut known = merged.failures.iter_mut();
                match known.find(|(known, _)| known == failure) {
                    Some((_, sum)) => *sum += count,
                    None => merged.failures.push((*failure, *count)),
                }
            }
            for total in &part.latencies {
                let mut known = merged.latencies.iter_mut();
                match known.find(|known| (known.metric, known.kind) == (total.metric, total.kind)) {
                    Some(sum) => sum.add_total(total),
                    None => merged.latencies.push(total.clone()),
                }
            }
        }
        // In the order in which a single generator reports them.
        merged
            .failures
            .sort_unstable_by_key(|(failure, _)| *failure);
        merged
    }

    /// Forgets what only holds at the moment of the report: rates, requests in flight, and latencies of the last second. For
    /// the last progress of a generator that has ended.
    pub fn settle(&mut self) {
        self.offered_per_s = 0.0;
        self.achieved_per_s = 0.0;
        self.in_flight = 0;
        self.waiting = 0;
        if let Some(detail) = &mut self.detail {
            detail.last = Default::default();
        }
    }
}

impl LatencyTotal {
    /// Adds the samples of another generator.
    fn add_total(&mut self, other: &Self) {
        for (sum, count) in self.buckets.iter_mut().zip(other.buckets) {
            *sum += count;
        }
        self.sum_ns += other.sum_ns;
    }
}

/// Judges the abort rules of a run of several generators, by the sum of their measurements.
///
/// Returns the first rule that is certainly missed, and a description of it. `None` if there is none.
pub fn missed_by_all(scenario: &Scenario, parts: &[Progress]) -> Option<(Aborted, String)> {
    let details: Vec<&ProgressDetail> = parts
        .iter()
        .filter_map(|part| part.detail.as_deref())
        .collect();
    let now = parts.iter().map(|part| part.elapsed).max()?;
    let watched = scenario.rules.iter().enumerate();
    let samples: Vec<(usize, Sample)> = watched
        .filter(|(_, rule)| latency_of(rule).is_some())
        .map(|(index, rule)| {
            let of_rule = details.iter().flat_map(|detail| &detail.rules);
            let of_rule = of_rule.filter(|(known, _)| *known == index);
            (
                index,
                Sample::of(&sum(of_rule.map(|(_, values)| values)), rule),
            )
        })
        .collect();
    let aborted = missed_rule(scenario, now, &samples, |rule| {
        let index = scenario
            .rules
            .iter()
            .position(|known| std::ptr::eq(known, rule));
        let counts = details.iter().filter_map(|detail| detail.ended.get(index?));
        counts.fold((0, 0), |(lost, ended), (more_lost, more_ended)| {
            (lost + more_lost, ended + more_ended)
        })
    })?;
    let description = describe_abort(&scenario.rules[aborted.rule], &aborted);
    Some((aborted, description))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use proptest::prelude::*;
    use tenfold_run_dir::Metric;
    use tenfold_scenarios::Kind;

    use super::*;
    use crate::failure::Failure;

    fn scenario(rule: &str) -> Scenario {
        let text = format!(
            "version = 1\nname = \"x\"\nrules = ['''{rule}''']\nphases = [{{ name = \"a\", kind = \"constant\", \
             rate = \"100/s\", duration = \"60s\" }}]\nrequests = [{{ name = \"r\", kind = \"read\", path = \"/\" }}]\n"
        );
        Scenario::parse(&text, Path::new("x.toml")).unwrap()
    }

    fn of(values: &[u64]) -> Values {
        let mut histogram = latency_histogram();
        for value in values {
            histogram.saturating_record(*value);
        }
        values_of(&histogram)
    }

    fn progress(values: &[u64], lost: u64) -> Progress {
        let mut total = LatencyTotal::new(Metric::Response, Kind::Read);
        for value in values {
            total.add(*value, 1);
        }
        Progress {
            elapsed: Duration::from_secs(10),
            offered_per_s: 7.0,
            completed: values.len() as u64,
            failed: lost,
            failures: match lost {
                0 => Vec::new(),
                _ => vec![(Failure::Timeout, lost)],
            },
            latencies: vec![total],
            detail: Some(Box::new(ProgressDetail {
                last: [of(values), Vec::new(), Vec::new()],
                ended: vec![(lost, lost + values.len() as u64)],
                rules: vec![(0, of(values))],
            })),
            ..Progress::default()
        }
    }

    proptest! {
        #[test]
        fn merged_percentiles_are_those_of_one_generator(
            values in proptest::collection::vec(0_u64..10_000_000_000, 40..200),
            cut: proptest::sample::Index,
        ) {
            let (one, other) = values.split_at(cut.index(values.len()));
            let merged = Progress::merged(&[progress(one, 1), progress(other, 2)]);
            let whole = progress(&values, 3);
            let mut all = latency_histogram();
            for value in &values {
                all.saturating_record(*value);
            }
            prop_assert_eq!(merged.response, Percentiles::of(&all));
            prop_assert_eq!(&merged.latencies, &whole.latencies);
            prop_assert_eq!(merged.failures, whole.failures);
            prop_assert_eq!((merged.completed, merged.offered_per_s), (whole.completed, 14.0));
        }
    }

    #[test]
    fn rules_are_judged_by_the_sum() {
        let slow: Vec<u64> = vec![100_000_000; 60];
        let quick: Vec<u64> = vec![1_000_000; 60];
        let by_mean = scenario("mean < 60ms, abort");
        // Neither has the hundred samples that a mean needs.
        assert_eq!(missed_by_all(&by_mean, &[progress(&slow, 0)]), None);
        let both = [progress(&slow, 0), progress(&slow, 0)];
        let (aborted, description) = missed_by_all(&by_mean, &both).unwrap();
        assert_eq!((aborted.rule, aborted.samples), (0, 120));
        assert!(
            description.starts_with("aborted by rule `mean < 60ms, abort` at 10 s"),
            "{description}"
        );
        assert_eq!(
            missed_by_all(&by_mean, &[progress(&slow, 0), progress(&quick, 0)]),
            None
        );

        let by_errors = scenario("errors < 5%, abort");
        assert_eq!(
            missed_by_all(&by_errors, &[progress(&[], 15)]),
            None,
            "too few"
        );
        assert!(missed_by_all(&by_errors, &[progress(&[], 15), progress(&[], 15)]).is_some());
        assert_eq!(missed_by_all(&by_errors, &[]), None);
    }

    #[test]
    fn settled_progress_keeps_its_counts_alone() {
        let mut ended = progress(&[5; 40], 2);
        ended.settle();
        let merged = Progress::merged(&[ended, progress(&[7; 40], 0)]);
        assert_eq!(
            (merged.completed, merged.failed, merged.offered_per_s),
            (80, 2, 7.0)
        );
        assert_eq!(merged.response.count, 40);
    }

    #[test]
    fn progress_survives_json() {
        let sent = progress(&[1, 2, u64::MAX], 1);
        let text = serde_json::to_string(&sent).unwrap();
        let back: Progress = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{sent:?}"), format!("{back:?}"));
    }
}
