//! Histograms over time, in a bounded number of columns of equal length.

use std::collections::BTreeMap;

use crate::{HistogramSum, SparseHistogram, Timeline};

/// Most columns chosen for a run.
const COLUMNS_MAX: u64 = 120;

/// Most columns kept. Intervals may lie beyond the end of the timeline; columns double in length rather than exceed this
/// number.
pub(super) const KEPT_COLUMNS_MAX: u64 = 2 * COLUMNS_MAX;

/// Shortest column, in nanoseconds.
const COLUMN_NS_MIN: u64 = 1_000_000;

/// Histograms by key and column. The log is in order of time, so all columns but the latest are complete.
#[derive(Debug, Clone)]
pub(super) struct TimeColumns<K> {
    column_ns: u64,
    /// Index of the column that was added to last.
    latest: u64,
    sums: BTreeMap<(K, u64), HistogramSum>,
}

impl<K: Ord + Copy> TimeColumns<K> {
    /// Creates empty columns. A column spans a whole number of timeline rows, so that there are at most 120.
    pub(super) fn over(timeline: &Timeline) -> Self {
        let rows = timeline.rows.iter();
        let longest = rows.map(|row| row.duration_ns).max().unwrap_or(0);
        let row_ns = longest.max(COLUMN_NS_MIN);
        let rows_each = timeline
            .end_ns()
            .div_ceil(row_ns.saturating_mul(COLUMNS_MAX))
            .max(1);
        Self {
            column_ns: row_ns.saturating_mul(rows_each),
            latest: 0,
            sums: BTreeMap::new(),
        }
    }

    /// Adds the histogram of an interval to the column that the interval starts in.
    pub(super) fn add(&mut self, key: K, start_ns: u64, histogram: &SparseHistogram) {
        while start_ns / self.column_ns >= KEPT_COLUMNS_MAX {
            self.double();
        }
        let column = start_ns / self.column_ns;
        if column > self.latest {
            for ((_, of), sum) in &mut self.sums {
                if *of == self.latest {
                    sum.settle();
                }
            }
            self.latest = column;
        }
        self.sums.entry((key, column)).or_default().add(histogram);
    }

    /// Doubles the length of the columns.
    fn double(&mut self) {
        self.column_ns = self.column_ns.saturating_mul(2);
        self.latest /= 2;
        for ((key, column), sum) in std::mem::take(&mut self.sums) {
            let of_both = self.sums.entry((key, column / 2)).or_default();
            of_both.add_sum(&sum);
        }
    }

    /// Length of a column, in nanoseconds.
    pub(super) fn column_ns(&self) -> u64 {
        self.column_ns
    }

    /// Columns of a key that are not empty, with their index from 0, in order of time.
    pub(super) fn of(&self, key: K) -> impl Iterator<Item = (u64, &HistogramSum)> {
        let sums = self.sums.range((key, 0)..=(key, u64::MAX));
        sums.map(|((_, column), sum)| (*column, sum))
    }

    /// All columns that are not empty, with their key and index.
    pub(super) fn all(&self) -> impl Iterator<Item = (K, u64, &HistogramSum)> {
        let sums = self.sums.iter();
        sums.map(|((key, column), sum)| (*key, *column, sum))
    }

    /// Bytes of the packed values.
    pub(super) fn packed_bytes(&self) -> usize {
        self.sums.values().map(HistogramSum::packed_bytes).sum()
    }
}
