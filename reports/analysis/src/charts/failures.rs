//! Failures over time, by class and status.

use std::collections::BTreeMap;

use tenfold_run_dir::Run;
use tenfold_run_dir::timeline::{FailureCount, Row};
use tenfold_scenarios::status_text;

use crate::charts::over_time::{bins, middle_s};

/// Kinds of failures with a line of their own: the most frequent.
const KINDS_MAX: usize = 5;

/// Failures per second over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FailuresOverTime {
    /// Width of a bin, in seconds.
    pub bin_s: f64,
    /// Middles of the bins, in seconds.
    pub at_s: Vec<f64>,
    /// Kinds of failures, the most frequent first. Empty if nothing failed, or the run is of an older version.
    pub kinds: Vec<FailureKind>,
}

/// Failures of one class and status.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureKind {
    /// Class and status: `unexpected_status 503`; `dropped` for arrivals that were never sent.
    pub name: String,
    /// Number of requests.
    pub count: u64,
    /// Requests per second in each bin.
    pub per_s: Vec<f64>,
}

impl FailuresOverTime {
    pub(crate) fn of(run: &Run, bin_ns: u64) -> Self {
        let rows: Vec<&[Row]> = bins(run, bin_ns).collect();
        let mut kinds = BTreeMap::<String, FailureKind>::new();
        let mut add = |name: String, bin: usize, count: u64| {
            if count == 0 {
                return;
            }
            let kind = kinds.entry(name.clone()).or_insert_with(|| FailureKind {
                name,
                count: 0,
                per_s: vec![0.0; rows.len()],
            });
            kind.count += count;
            // Requests may also fail after the last phase.
            if let Some(sum) = kind.per_s.get_mut(bin) {
                *sum += count as f64;
            }
        };
        let counted: usize = rows.iter().map(|rows| rows.len()).sum();
        let after = &run.timeline.rows[counted..];
        for (bin, rows) in rows.iter().copied().chain([after]).enumerate() {
            for own in rows.iter().flat_map(|row| &row.failures) {
                add(named(own), bin, own.count);
            }
            let dropped = rows.iter().map(|row| row.dropped).sum();
            add("dropped".to_owned(), bin, dropped);
        }
        let mut kinds: Vec<FailureKind> = kinds.into_values().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        let others = kinds.split_off(kinds.len().min(KINDS_MAX));
        kinds.extend(others.into_iter().reduce(|mut sum, other| {
            sum.count += other.count;
            let pairs = sum.per_s.iter_mut().zip(&other.per_s);
            pairs.for_each(|(sum, other)| *sum += other);
            FailureKind {
                name: "other failures".to_owned(),
                ..sum
            }
        }));
        for kind in &mut kinds {
            for (per_s, rows) in kind.per_s.iter_mut().zip(&rows) {
                let ns: u64 = rows.iter().map(|row| row.duration_ns).sum();
                *per_s /= ns.max(1) as f64 / 1e9;
            }
        }
        Self {
            bin_s: bin_ns as f64 / 1e9,
            at_s: rows.iter().map(|rows| middle_s(rows)).collect(),
            kinds,
        }
    }
}

fn named(own: &FailureCount) -> String {
    match own.status {
        Some(status) => format!("{} {}", own.class, status_text(status)),
        None => own.class.to_string(),
    }
}
