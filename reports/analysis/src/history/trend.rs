//! How a metric went over a history, and where it changed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::gate::Effect;
use crate::history::entry::{EntryKind, HISTORY_VERSION, HistoryEntry};
use crate::stats::change_points::{ChangePointSettings, change_points};

/// All metrics of a history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trends {
    /// Version of this shape.
    pub version: u32,
    /// When a change counted.
    pub settings: ChangePointSettings,
    /// The metrics, by scenario, kind of entry, machine and name.
    pub trends: Vec<Trend>,
}

/// How a metric went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// The scenario.
    pub scenario: String,
    /// What the entries are of.
    pub kind: EntryKind,
    /// The machine.
    pub machine: String,
    /// The metric's name.
    pub metric: String,
    /// The unit of its values.
    pub unit: String,
    /// Its values in order of time.
    pub points: Vec<TrendPoint>,
    /// Entries with a value that is not above nought, which stand for nothing here.
    pub left_out: usize,
    /// The changes, in order of time.
    pub changes: Vec<TrendChange>,
    /// Why no change could be told, where there are too few values; in a sentence.
    pub too_short: Option<String>,
}

/// A value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendPoint {
    /// When, RFC 3339.
    pub at: String,
    /// What people call the build.
    pub label: String,
    /// Its revision, where that is known.
    pub revision: Option<String>,
    /// The value, in the metric's unit.
    pub value: f64,
    /// The effect that the gate saw, as a ratio less one.
    pub effect: Option<Effect>,
}

/// A change of a metric's level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendChange {
    /// The index of the first point at the new level.
    pub index: usize,
    /// When that was, RFC 3339.
    pub at: String,
    /// What people call its build.
    pub label: String,
    /// The revision at which it happened, where that is known.
    pub revision: Option<String>,
    /// The last revision before it. What lies between the two was not measured.
    pub revision_before: Option<String>,
    /// The median since the change before it, in the metric's unit.
    pub before: f64,
    /// The median until the change after it.
    pub after: f64,
    /// `after / before - 1`.
    pub change: f64,
    /// The p-value of the change between its neighbours.
    pub p_value: f64,
}

/// What makes values one series.
type Key = (String, EntryKind, String, String, String);

/// Finds the changes of every metric of a history, whose entries are in order of time.
///
/// Values of different machines, scenarios and units are series of their own. Each series is tested at
/// the significance of the settings, so that among a hundred series without a change about that many
/// per cent show one.
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

/// Returns the fewest values of which a change can be told: those with a split whose least p-value is
/// at most half of the significance.
///
/// Of `n` values, those that a split parts into `k` and the others are found apart in one of
/// `n! / (k! (n - k)!)` orders, in two where both sides are as long: no permutation test can be more
/// certain than that.
pub fn least_length(settings: &ChangePointSettings) -> usize {
    let least = settings.least_values.max(1);
    let enough = |n: usize| {
        (least..=n - least).any(|k| {
            let alike = if 2 * k == n { 2.0 } else { 1.0 };
            alike / orders(n, k) <= settings.significance / 2.0
        })
    };
    (2 * least..MOST_ASKED)
        .find(|n| enough(*n))
        .unwrap_or(MOST_ASKED)
}

/// No series needs to be longer, whatever the significance.
const MOST_ASKED: usize = 64;

/// The number of ways to choose `k` of `n`.
fn orders(n: usize, k: usize) -> f64 {
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
    let least = least_length(settings);
    if trend.points.len() < least {
        let has = match trend.points.len() {
            1 => "1 value is".to_owned(),
            several => format!("{several} values are"),
        };
        trend.too_short = Some(format!(
            "{has} too few to tell a change; {least} are needed"
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

    /// Entries of one metric with a noise of 2%, whose level is `level` of the index.
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
    fn a_step_is_found_at_its_revision() {
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
    fn machines_are_series_of_their_own() {
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
    fn a_short_series_is_said_to_be_short() {
        let entries = history(9, "a", |index| if index < 4 { 100.0 } else { 200.0 });
        let found = trends(&entries, &ChangePointSettings::default());
        assert_eq!(
            found.trends[0].too_short.as_deref(),
            Some("9 values are too few to tell a change; 10 are needed")
        );
        assert!(found.trends[0].changes.is_empty());
    }

    #[test]
    fn the_least_length_is_that_of_the_permutations() {
        // Of 10, 4 and 6 are parted in one of 210 orders: 0.0048. Of 9, 4 and 5 in one of 126: 0.0079.
        assert_eq!(orders(10, 4), 210.0);
        assert_eq!(least_length(&ChangePointSettings::default()), 10);
        let lax = ChangePointSettings {
            significance: 0.1,
            ..ChangePointSettings::default()
        };
        // Of 7, 3 and 4 in one of 35: 0.029. Of 6, 3 and 3 in two of 20: 0.1.
        assert_eq!(least_length(&lax), 7);
    }

    #[test]
    fn what_is_not_above_nought_is_left_out() {
        let mut entries = history(12, "a", |_| 100.0);
        entries[3].metrics.get_mut("cpu").unwrap().value = 0.0;
        let found = trends(&entries, &ChangePointSettings::default());
        assert_eq!(found.trends[0].left_out, 1);
        assert_eq!(found.trends[0].points.len(), 11);
    }
}
