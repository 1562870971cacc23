//! A run's latencies over time, in no more columns than a chart can show.

use std::collections::BTreeMap;

use super::{IntervalHistogram, Metric};
use crate::{HistogramSum, Timeline};

/// The most columns that are chosen for a run.
const MOST_COLUMNS: u64 = 120;

/// The most columns that are held: intervals may lie beyond the end of the time line, and columns
/// are made twice as long before there are more of them.
const MOST_HELD: u64 = 2 * MOST_COLUMNS;

/// The shortest column, in nanoseconds.
const LEAST_COLUMN_NS: u64 = 1_000_000;

/// The metrics that are kept over time.
const KEPT: [Metric; 3] = [Metric::Response, Metric::Service, Metric::Lag];

/// Response time, service time and lag over time, all requests and phases together, in columns of one
/// length.
///
/// An interval belongs to the column that it begins in. A column is as many whole rows of the time
/// line as keep their number within 120, so that it is one row in a run of two minutes,
/// and half a minute in a run of an hour.
#[derive(Debug, Clone)]
pub struct Columns {
    column_ns: u64,
    /// The number of the column that was added to last.
    latest: u64,
    sums: BTreeMap<(Metric, u64), HistogramSum>,
}

impl Columns {
    /// Empty columns for a run with this time line.
    pub fn over(timeline: &Timeline) -> Self {
        let rows = timeline.rows.iter();
        let longest = rows.map(|row| row.duration_ns).max().unwrap_or(0);
        let row_ns = longest.max(LEAST_COLUMN_NS);
        let rows_each = timeline
            .end_ns()
            .div_ceil(row_ns.saturating_mul(MOST_COLUMNS))
            .max(1);
        Self {
            column_ns: row_ns.saturating_mul(rows_each),
            latest: 0,
            sums: BTreeMap::new(),
        }
    }

    /// Adds an interval, if its metric is kept over time.
    pub fn add(&mut self, interval: &IntervalHistogram) {
        let metric = interval.series.metric;
        if !KEPT.contains(&metric) {
            return;
        }
        while interval.start_ns / self.column_ns >= MOST_HELD {
            self.double();
        }
        let column = interval.start_ns / self.column_ns;
        if column > self.latest {
            // A log goes on in time: what lies behind is complete.
            for metric in KEPT {
                if let Some(complete) = self.sums.get_mut(&(metric, self.latest)) {
                    complete.settle();
                }
            }
            self.latest = column;
        }
        let sum = self.sums.entry((metric, column)).or_default();
        sum.add(&interval.histogram);
    }

    /// Makes columns twice as long.
    fn double(&mut self) {
        self.column_ns = self.column_ns.saturating_mul(2);
        self.latest /= 2;
        for ((metric, column), sum) in std::mem::take(&mut self.sums) {
            let of_both = self.sums.entry((metric, column / 2)).or_default();
            of_both.add_sum(&sum);
        }
    }

    /// How long a column is, in nanoseconds.
    pub fn column_ns(&self) -> u64 {
        self.column_ns
    }

    /// The columns of a metric that hold anything, by their number from 0, in order of time.
    pub fn of(&self, metric: Metric) -> impl Iterator<Item = (u64, &HistogramSum)> {
        let sums = self.sums.range((metric, 0)..=(metric, u64::MAX));
        sums.map(|((_, column), sum)| (*column, sum))
    }

    /// Bytes that the packed values take.
    pub fn packed_bytes(&self) -> usize {
        self.sums.values().map(HistogramSum::packed_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::latency_histogram;
    use crate::timeline::Row;
    use crate::{Series, SparseHistogram};

    const SECOND: u64 = 1_000_000_000;

    fn timeline(seconds: u64) -> Timeline {
        let rows = (0..seconds).map(|second| Row {
            start_ns: second * SECOND,
            duration_ns: SECOND,
            ..Row::default()
        });
        Timeline {
            rows: rows.collect(),
        }
    }

    fn interval(metric: Metric, second: u64) -> IntervalHistogram {
        let mut one = latency_histogram::<u32>();
        one.saturating_record(1_000 + second);
        IntervalHistogram {
            series: Series {
                metric,
                phase: 0,
                request: 0,
            },
            start_ns: second * SECOND,
            duration_ns: SECOND,
            histogram: SparseHistogram::of(&one),
        }
    }

    #[test]
    fn columns_are_whole_rows_and_no_more_than_can_be_seen() {
        for (seconds, column_s) in [
            (1, 1),
            (120, 1),
            (121, 2),
            (301, 3),
            (3_600, 30),
            (3_601, 31),
        ] {
            let columns = Columns::over(&timeline(seconds));
            assert_eq!(columns.column_ns(), column_s * SECOND, "{seconds}");
        }
    }

    #[test]
    fn every_interval_is_in_the_column_it_begins_in() {
        let mut columns = Columns::over(&timeline(300));
        for second in 0..300 {
            columns.add(&interval(Metric::Response, second));
            columns.add(&interval(Metric::Blocked, second));
        }
        let counts: Vec<(u64, u64)> = columns
            .of(Metric::Response)
            .map(|(column, sum)| (column, sum.len()))
            .collect();
        let expected: Vec<(u64, u64)> = (0..100).map(|column| (column, 3)).collect();
        assert_eq!(counts, expected);
        assert_eq!(columns.of(Metric::Blocked).count(), 0);
    }

    #[test]
    fn a_log_that_goes_on_beyond_the_time_line_is_held_all_the_same() {
        let mut columns = Columns::over(&timeline(2));
        let first = interval(Metric::Lag, 0);
        for second in 0..100_000 {
            columns.add(&IntervalHistogram {
                start_ns: second * SECOND,
                ..first.clone()
            });
        }
        assert_eq!(columns.column_ns(), 512 * SECOND);
        assert!(columns.of(Metric::Lag).count() as u64 <= MOST_HELD);
        let held: u64 = columns.of(Metric::Lag).map(|(_, sum)| sum.len()).sum();
        assert_eq!(held, 100_000);
    }
}
