//! Histories of gates and runs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_analysis::history::{HistoryEntry, length_min, parse, trends};
use tenfold_stats::ChangePointSettings;

/// Longest history in which changes are searched. The search takes quadratic time.
const SEARCHED_MAX: usize = 100;

fuzz_target!(|text: &str| {
    let parsed = parse(text);
    let lines = text.split('\n').filter(|line| !line.trim().is_empty());
    assert_eq!(parsed.entries.len() + parsed.problems.len(), lines.count());
    for problem in &parsed.problems {
        assert!(!problem.to_string().is_empty());
    }
    let written: String = parsed
        .entries
        .iter()
        .map(|entry| entry.line().expect("an entry can be written"))
        .collect();
    let again = parse(&written);
    assert!(again.problems.is_empty(), "{:?}", again.problems);
    let pairs = std::iter::zip(&parsed.entries, &again.entries);
    assert_eq!(parsed.entries.len(), again.entries.len());
    assert!(pairs.into_iter().all(|(one, two)| is_same(one, two)));
    if parsed.entries.len() <= SEARCHED_MAX {
        let settings = ChangePointSettings {
            permutations: 99,
            ..ChangePointSettings::default()
        };
        let found = trends(&parsed.entries, &settings);
        for trend in &found.trends {
            let points = trend.points.len();
            assert!(trend.changes.iter().all(|change| change.index < points));
            assert!(points >= length_min(&settings) || trend.changes.is_empty());
        }
    }
});

/// Returns whether two entries agree. Values are not compared: reading a number may change its last digit.
fn is_same(one: &HistoryEntry, two: &HistoryEntry) -> bool {
    let texts = |entry: &HistoryEntry| (entry.at.clone(), entry.label.clone());
    texts(one) == texts(two) && one.metrics.keys().eq(two.metrics.keys())
}
