//! Trend of a metric over a history, and its changes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gate::Effect;
use crate::history::entry::{EntryKind, HISTORY_VERSION, HistoryEntry};
use tenfold_stats::{ChangePointSettings, change_points};

/// Trends of all metrics of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trends {
    /// Version of this format.
    pub version: u32,
    /// Settings of the change-point search.
    pub settings: ChangePointSettings,
    /// Trends, by scenario, kind of entry, machine and metric name.
    pub trends: Vec<Trend>,
}

/// Trend of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// The scenario.
    pub scenario: String,
    /// Kind of the entries.
    pub kind: EntryKind,
    /// The machine.
    pub machine: String,
    /// Name of the metric.
    pub metric: String,
    /// Unit of the values.
    pub unit: String,
    /// Values in order of time.
    pub points: Vec<TrendPoint>,
    /// Number of entries left out because their value is not positive.
    pub left_out: usize,
    /// Changes, in order of time.
    pub changes: Vec<TrendChange>,
    /// Reason in a sentence if there are too few values to detect a change.
    pub too_short: Option<String>,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendPoint {
    /// Time of the entry, RFC 3339.
    pub at: String,
    /// Label of the build.
    pub label: String,
    /// Revision of the build, if known.
    pub revision: Option<String>,
    /// The value, in the unit of the metric.
    pub value: f64,
    /// Effect that the gate measured, as a ratio minus one.
    pub effect: Option<Effect>,
}

/// A change in the level of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendChange {
    /// Index of the first point at the new level.
    pub index: usize,
    /// Time of that point, RFC 3339.
    pub at: String,
    /// Label of its build.
    pub label: String,
    /// First revision at the new level, if known.
    pub revision: Option<String>,
    /// Last revision at the old level, if known. Revisions between the two were not measured.
    pub revision_before: Option<String>,
    /// Median since the previous change, in the unit of the metric.
    pub before: f64,
    /// Median until the next change, in the unit of the metric.
    pub after: f64,
    /// `after / before - 1`.
    pub change: f64,
    /// p-value of the change, tested between the previous and the next change.
    pub p_value: f64,
}

/// Key of a series: scenario, kind of entry, machine, metric and unit.
type Key = (String, EntryKind, String, String, String);

/// Finds the changes of every metric of a history. The entries must be in order of time.
///
/// Each combination of scenario, kind of entry, machine, metric and unit is a separate series. Each series is
/// tested at the significance of the settings: at 1%, about one in a hundred series without a change shows
/// a false one.
pub fn trends(entries: &[HistoryEntry], settings: &ChangePointSettings) -> Trends {
    let mut series: BTreeMap<Key, Trend> = BTreeMap::new();
    for entry in entries {
        for (name, metric) in &entry.metrics {
            let key = (
                entry.scenario.clone(),
                entry.kind,
                entry.machine.clone(),
                name.clone(),
                metric.unit.clone(),
            );
            let trend = series.entry(key).or_insert_with_key(empty);
            if metric.value > 0.0 && metric.value.is_finite() {
                trend.points.push(TrendPoint {
                    at: entry.at.clone(),
                    label: entry.label.clone(),
                    revision: entry.revision.clone(),
                    value: metric.value,
                    effect: metric.effect,
                });
            } else {
                trend.left_out += 1;
            }
        }
    }
    let mut trends: Vec<Trend> = series.into_values().collect();
    for trend in &mut trends {
        find(trend, settings);
    }
    Trends {
        version: HISTORY_VERSION,
        settings: *settings,
        trends,
    }
}

/// Returns the minimum length of a series in which a change can be detected: a split exists whose smallest
/// possible p-value is at most half of the significance.
///
/// A permutation separates the `k` values before a split from the other `n - k` with probability
/// `k! (n - k)! / n!`, or twice that if both sides are equally long. No permutation test has a smaller
/// p-value.
pub fn length_min(settings: &ChangePointSettings) -> usize {
    let values_min = settings.values_min.max(1);
    let enough = |n: usize| {
        (values_min..=n - values_min).any(|k| {
            let separations = if 2 * k == n { 2.0 } else { 1.0 };
            separations / combinations(n, k) <= settings.significance / 2.0
        })
    };
    (2 * values_min..LENGTH_CAP)
        .find(|n| enough(*n))
        .unwrap_or(LENGTH_CAP)
}

/// Upper limit of the minimum length, for any significance.
const LENGTH_CAP: usize = 64;

/// Returns the number of ways to choose `k` of `n`.
fn combinations(n: usize, k: usize) -> f64 {
    (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64)
}

fn empty((scenario, kind, machine, metric, unit): &Key) -> Trend {
    Trend {
        scenario: scenario.clone(),
        kind: *kind,
        machine: machine.clone(),
        metric: metric.clone(),
        unit: unit.clone(),
        points: Vec::new(),
        left_out: 0,
        changes: Vec::new(),
        too_short: None,
    }
}

fn find(trend: &mut Trend, settings: &ChangePointSettings) {
    let length_min = length_min(settings);
    if trend.points.len() < length_min {
        let count = match trend.points.len() {
            1 => "1 value is".to_owned(),
            several => format!("{several} values are"),
        };
        trend.too_short = Some(format!(
            "{count} too few to detect a change; {length_min} are needed"
        ));
        return;
    }
    let values: Vec<f64> = trend.points.iter().map(|point| point.value).collect();
    trend.changes = change_points(&values, settings)
        .into_iter()
        .map(|found| {
            let point = &trend.points[found.index];
            let before = found.index.checked_sub(1).map(|index| &trend.points[index]);
            TrendChange {
                index: found.index,
                at: point.at.clone(),
                label: point.label.clone(),
                revision: point.revision.clone(),
                revision_before: before.and_then(|point| point.revision.clone()),
                before: found.before,
                after: found.after,
                change: found.change,
                p_value: found.p_value,
            }
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::history::entry::HistoryMetric;

    /// Entries of one metric with 2% noise around `level` of the index.
    fn history(count: usize, machine: &str, level: fn(usize) -> f64) -> Vec<HistoryEntry> {
        let noise = StandardNormal.sample_iter(Pcg64Mcg::seed_from_u64(7));
        noise
            .take(count)
            .enumerate()
            .map(|(index, noise): (usize, f64)| {
                let metric = HistoryMetric {
                    unit: "µs".to_owned(),
                    value: level(index) * (0.02 * noise).exp(),
                    count: 28,
                    ..HistoryMetric::default()
                };
                HistoryEntry {
                    version: HISTORY_VERSION,
                    at: format!("2026-01-01T00:{index:02}:00Z"),
                    scenario: "feed".to_owned(),
                    machine: machine.to_owned(),
                    revision: Some(format!("r{index}")),
                    metrics: BTreeMap::from([("cpu".to_owned(), metric)]),
                    ..HistoryEntry::default()
                }
            })
            .collect()
    }

    #[test]
    fn finds_step_at_its_revision() {
        let entries = history(30, "a", |index| if index < 18 { 100.0 } else { 112.0 });
        let found = trends(&entries, &ChangePointSettings::default());
        let [trend] = found.trends.as_slice() else {
            panic!("one series: {found:?}");
        };
        let [change] = trend.changes.as_slice() else {
            panic!("one change: {:?}", trend.changes);
        };
        assert_eq!(change.revision.as_deref(), Some("r18"));
        assert_eq!(change.revision_before.as_deref(), Some("r17"));
        assert!((change.change - 0.12).abs() < 0.03, "{change:?}");
        assert!(change.p_value <= 0.01);
        assert_eq!(trend.too_short, None);
    }

    #[test]
    fn machines_are_separate_series() {
        // One machine is twice as fast as the other; nothing changed.
        let mut entries = history(20, "a", |_| 100.0);
        entries.extend(history(20, "b", |_| 50.0));
        let found = trends(&entries, &ChangePointSettings::default());
        assert_eq!(found.trends.len(), 2);
        for trend in &found.trends {
            assert_eq!((trend.points.len(), trend.changes.len()), (20, 0));
        }
    }

    #[test]
    fn reports_series_that_is_too_short() {
        let entries = history(9, "a", |index| if index < 4 { 100.0 } else { 200.0 });
        let found = trends(&entries, &ChangePointSettings::default());
        assert_eq!(
            found.trends[0].too_short.as_deref(),
            Some("9 values are too few to detect a change; 10 are needed")
        );
        assert!(found.trends[0].changes.is_empty());
    }

    #[test]
    fn length_min_matches_permutation_counts() {
        // 10 values split into 4 and 6 in one of 210 ways: 0.0048. 9 into 4 and 5 in one of 126: 0.0079.
        assert_eq!(combinations(10, 4), 210.0);
        assert_eq!(length_min(&ChangePointSettings::default()), 10);
        let lax = ChangePointSettings {
            significance: 0.1,
            ..ChangePointSettings::default()
        };
        // 7 values split into 3 and 4 in one of 35 ways: 0.029. 6 into 3 and 3 in two of 20: 0.1.
        assert_eq!(length_min(&lax), 7);
    }

    #[test]
    fn leaves_out_values_that_are_not_positive() {
        let mut entries = history(12, "a", |_| 100.0);
        entries[3].metrics.get_mut("cpu").unwrap().value = 0.0;
        let found = trends(&entries, &ChangePointSettings::default());
        assert_eq!(found.trends[0].left_out, 1);
        assert_eq!(found.trends[0].points.len(), 11);
    }
}
