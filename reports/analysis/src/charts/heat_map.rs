//! Number of responses by latency, over time.

use tenfold_run_dir::{Metric, Run};

/// Rows of the map for each factor of ten in latency.
const ROWS_PER_DECADE: f64 = 8.0;

/// Number of responses by latency, over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeatMap {
    /// Length of a column, in seconds.
    pub column_s: f64,
    /// Lower bounds of the rows and the upper bound of the last row, in nanoseconds.
    pub bounds_ns: Vec<f64>,
    /// Number of responses in each row, by column.
    pub columns: Vec<Vec<u64>>,
    /// Maximum number of responses in a cell.
    pub count_max: u64,
}

impl HeatMap {
    /// Counts responses by completion time and latency, including warm-up.
    pub(crate) fn of(run: &Run) -> Self {
        let columns = run.latencies.columns();
        let row_of = |ns: u64| ((ns.max(1) as f64).log10() * ROWS_PER_DECADE).floor() as i64;
        let mut cells = std::collections::BTreeMap::<(usize, i64), u64>::new();
        for (column, sum) in columns.of(Metric::Response) {
            for (value, count) in sum.iter() {
                *cells.entry((column as usize, row_of(value))).or_default() += count;
            }
        }
        let rows = cells.keys().map(|(_, row)| *row);
        let (Some(first), Some(last), Some(width)) = (
            rows.clone().min(),
            rows.max(),
            cells.keys().map(|(column, _)| column + 1).max(),
        ) else {
            return Self::default();
        };
        let height = (last - first + 1) as usize;
        let mut map = Self {
            column_s: columns.column_ns() as f64 / 1e9,
            bounds_ns: (first..=last + 1)
                .map(|row| 10_f64.powf(row as f64 / ROWS_PER_DECADE))
                .collect(),
            columns: vec![vec![0; height]; width],
            count_max: cells.values().copied().max().unwrap_or(0),
        };
        for ((column, row), count) in cells {
            map.columns[column][(row - first) as usize] = count;
        }
        map
    }
}
