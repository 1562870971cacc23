//! The objectives over time: the intervals of a run in which they were missed.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use tenfold_run_dir::Run;
use tenfold_scenarios::{Latency, Metric, Rule};
use tenfold_stats::OrderStatistics;

use crate::verdict::rules::{in_scope, parse};

/// Intervals in a row that meet the objectives, from which they count as met again.
const MET_IN_A_ROW: u64 = 3;

/// The counted phases of a run in intervals of equal length, each judged by the objectives on response time and errors.
///
/// Objectives of one phase, on service time, streams or rate are left out, and so are requests beyond the first 32 of the
/// scenario. Percentiles are those of the sample: an interval is too short for a confidence interval.
#[derive(Debug, Clone)]
pub(crate) struct ObjectiveWindows {
    window_ns: u64,
    /// By index from the start of the run.
    windows: BTreeMap<u64, Judged>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Judged {
    is_missed: bool,
    /// Requests slower than a limit.
    slow: u64,
    /// Requests that failed or were dropped.
    lost: u64,
}

/// Requests outside the objectives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Requests that were answered, but slower than the limit of an objective.
    pub(crate) slow: u64,
    /// Requests that failed or were dropped.
    pub(crate) lost: u64,
}

impl ObjectiveWindows {
    /// Judges the intervals of a run. `None` if no objective applies to them.
    pub(crate) fn of(run: &Run) -> Option<Self> {
        let rules = run.manifest.rules.iter();
        let rules = rules.filter_map(|text| parse(run, text).ok());
        let rules: Vec<Rule> = rules.filter(applies).collect();
        if rules.is_empty() {
            return None;
        }
        let columns = run.latencies.counted_columns();
        let window_ns = columns.column_ns().max(1);
        let mut by_window: BTreeMap<u64, BTreeMap<usize, Histogram<u64>>> = BTreeMap::new();
        for request in 0..run.manifest.requests.len() {
            for (index, sum) in columns.of_request(request) {
                let own = by_window.entry(index).or_default();
                let histogram = own
                    .entry(request)
                    .or_insert_with(tenfold_run_dir::latency_histogram);
                sum.add_to(histogram);
            }
        }
        let mut windows: BTreeMap<u64, Judged> = BTreeMap::new();
        for (index, requests) in &by_window {
            let judged = windows.entry(*index).or_default();
            for rule in &rules {
                judged.is_missed |= is_missed(run, rule, requests);
            }
            for (request, histogram) in requests {
                judged.slow += slow(run, &rules, *request, histogram);
            }
        }
        let counted = run.timeline.rows.iter();
        let counted = counted.filter(|row| run.is_counted(row.phase));
        let mut ended: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for row in counted {
            let (lost, all) = ended.entry(row.start_ns / window_ns).or_default();
            *lost += row.failed + row.dropped;
            *all += row.failed + row.dropped + row.reads + row.writes;
        }
        for (index, (lost, all)) in ended.into_iter().filter(|(_, (_, all))| *all > 0) {
            let judged = windows.entry(index).or_default();
            judged.lost = lost;
            let share = lost as f64 / all as f64;
            let errors = rules.iter().filter(|rule| rule.metric == Metric::Errors);
            for rule in errors {
                judged.is_missed |= !rule.comparison.holds(share, rule.limit);
            }
        }
        Some(Self { window_ns, windows })
    }

    /// Returns the start of the first interval from `from_ns` on, and before `until_ns`, that misses an objective.
    pub(crate) fn missed_from(&self, from_ns: i64, until_ns: i64) -> Option<i64> {
        let mut windows = self.windows.iter();
        let found = windows.find(|(index, judged)| {
            let (start, end) = self.span(**index);
            judged.is_missed && end > from_ns && start < until_ns
        });
        found.map(|(index, _)| self.span(*index).0)
    }

    /// Returns the time from which the objectives are met again, at or after `from_ns`: three intervals in a row meet them.
    /// `None` if that is not so before the end.
    pub(crate) fn met_from(&self, from_ns: i64) -> Option<i64> {
        let after = self.windows.iter();
        let mut after = after.filter(|(index, _)| self.span(**index).0 >= from_ns);
        let (mut first, mut met) = (None, 0);
        after.find_map(|(index, judged)| {
            if judged.is_missed {
                (first, met) = (None, 0);
                return None;
            }
            first = first.or(Some(self.span(*index).0));
            met += 1;
            (met >= MET_IN_A_ROW).then_some(first?)
        })
    }

    /// Returns the requests that ended outside the objectives in the intervals that overlap a time.
    pub(crate) fn outside(&self, from_ns: i64, until_ns: i64) -> Outside {
        let mut sum = Outside::default();
        for (index, judged) in &self.windows {
            let (start, end) = self.span(*index);
            if end > from_ns && start < until_ns {
                sum.slow += judged.slow;
                sum.lost += judged.lost;
            }
        }
        sum
    }

    /// Returns the time of the intervals that miss an objective, in seconds.
    pub(crate) fn missed_s(&self) -> f64 {
        let missed = self.windows.values().filter(|judged| judged.is_missed);
        missed.count() as f64 * self.window_ns as f64 / 1e9
    }

    /// Returns the time of all intervals with requests, in seconds.
    pub(crate) fn judged_s(&self) -> f64 {
        self.windows.len() as f64 * self.window_ns as f64 / 1e9
    }

    fn span(&self, index: u64) -> (i64, i64) {
        let at =
            |index: u64| i64::try_from(index.saturating_mul(self.window_ns)).unwrap_or(i64::MAX);
        (at(index), at(index.saturating_add(1)))
    }
}

/// Returns whether a rule can be judged by interval.
fn applies(rule: &Rule) -> bool {
    let metric = match rule.metric {
        Metric::Quantile(latency, _) | Metric::Mean(latency) | Metric::Max(latency) => {
            latency == Latency::Response
        }
        Metric::Errors => true,
        Metric::Rate => false,
    };
    metric && rule.phase.is_none() && is_upper_limit(rule)
}

fn is_upper_limit(rule: &Rule) -> bool {
    rule.comparison.holds(rule.limit - 1.0, rule.limit)
}

fn is_missed(run: &Run, rule: &Rule, requests: &BTreeMap<usize, Histogram<u64>>) -> bool {
    let mut all: Histogram<u64> = tenfold_run_dir::latency_histogram();
    for (request, histogram) in requests {
        // Both have the same bounds.
        if in_scope(run, rule.scope, *request) && all.add(histogram).is_err() {
            return false;
        }
    }
    if all.is_empty() {
        return false;
    }
    let ordered = || OrderStatistics::of(&all);
    let value = match rule.metric {
        Metric::Quantile(_, quantile) => ordered().raw_quantile(quantile).map(|ns| ns as f64),
        Metric::Mean(_) => Some(all.mean()),
        Metric::Max(_) => ordered().raw_quantile(1.0).map(|ns| ns as f64),
        Metric::Errors | Metric::Rate => None,
    };
    value.is_some_and(|value| !rule.comparison.holds(value, rule.limit))
}

/// Returns the number of requests that are slower than the strictest limit on a percentile or the maximum.
fn slow(run: &Run, rules: &[Rule], request: usize, histogram: &Histogram<u64>) -> u64 {
    let limits = rules.iter().filter(|rule| {
        matches!(rule.metric, Metric::Quantile(..) | Metric::Max(_))
            && in_scope(run, rule.scope, request)
    });
    let limit = limits.map(|rule| rule.limit).min_by(f64::total_cmp);
    limit.map_or(0, |limit| {
        let above = (limit.max(0.0) as u64).saturating_add(1);
        histogram.count_between(above, histogram.high())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::MadeUp;

    const SECOND: i64 = 1_000_000_000;

    /// A stall from 8 s to 10 s: a request in it ends at 10 s.
    fn stalled(rules: &[&str]) -> Run {
        MadeUp {
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            ..MadeUp::stall_oracle()
        }
        .play()
    }

    #[test]
    fn finds_the_time_of_a_stall() {
        let run = stalled(&["p99 < 250ms"]);
        let windows = ObjectiveWindows::of(&run).unwrap();
        let missed = windows.missed_from(0, i64::MAX).unwrap();
        let met = windows.met_from(missed).unwrap();
        assert!((8 * SECOND..=10 * SECOND).contains(&missed), "{missed}");
        assert!((10 * SECOND..=12 * SECOND).contains(&met), "{met}");
        // 1.75 s of the 2 s, at 1,000/s.
        let outside = windows.outside(0, i64::MAX);
        assert!((1_700..=1_800).contains(&outside.slow), "{outside:?}");
        assert_eq!(windows.outside(0, 7 * SECOND), Outside::default());
        assert_eq!(windows.missed_from(met, i64::MAX), None);
        assert!(
            (1.0..=4.0).contains(&windows.missed_s()),
            "{}",
            windows.missed_s()
        );
        assert!(windows.judged_s() >= 18.0, "{}", windows.judged_s());
    }

    #[test]
    fn errors_miss_their_objective() {
        let run = MadeUp {
            failing: 0.05,
            rules: vec!["errors < 1%".to_owned()],
            ..MadeUp::stall_oracle()
        }
        .play();
        let windows = ObjectiveWindows::of(&run).unwrap();
        assert!(windows.missed_from(0, i64::MAX).is_some());
        assert_eq!(windows.met_from(0), None);
        let lost = windows.outside(0, i64::MAX).lost;
        assert!((700..1_300).contains(&lost), "{lost}");
    }

    #[test]
    fn needs_an_objective_that_applies() {
        for rules in [
            &[][..],
            &["rate > 99%"],
            &["service p99 < 1s"],
            &["p50 > 1us"],
        ] {
            assert!(ObjectiveWindows::of(&stalled(rules)).is_none(), "{rules:?}");
        }
    }
}
