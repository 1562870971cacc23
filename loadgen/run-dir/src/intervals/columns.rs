//! Latencies over time, in no more columns than a chart can show.

use super::time_columns::TimeColumns;
use super::{IntervalHistogram, Metric};
use crate::{HistogramSum, Timeline};

/// Metrics kept over time.
const KEPT: [Metric; 3] = [Metric::Response, Metric::Service, Metric::Lag];

/// Response time, service time and lag over time, in columns of equal length, over all requests and phases.
///
/// An interval belongs to the column that it starts in. A column spans a whole number of timeline rows, chosen to keep the
/// number of columns within 120: one row in a run of two minutes, half a minute in a run of an hour.
#[derive(Debug, Clone)]
pub struct Columns {
    sums: TimeColumns<Metric>,
}

impl Columns {
    /// Creates empty columns for a run with this timeline.
    pub fn over(timeline: &Timeline) -> Self {
        Self {
            sums: TimeColumns::over(timeline),
        }
    }

    /// Adds an interval. Ignores metrics that are not kept over time.
    pub fn add(&mut self, interval: &IntervalHistogram) {
        let metric = interval.series.metric;
        if KEPT.contains(&metric) {
            self.sums
                .add(metric, interval.start_ns, &interval.histogram);
        }
    }

    /// Length of a column, in nanoseconds.
    pub fn column_ns(&self) -> u64 {
        self.sums.column_ns()
    }

    /// Columns of a metric that are not empty, with their index from 0, in order of time.
    pub fn of(&self, metric: Metric) -> impl Iterator<Item = (u64, &HistogramSum)> {
        self.sums.of(metric)
    }

    /// Bytes of the packed values.
    pub fn packed_bytes(&self) -> usize {
        self.sums.packed_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::latency_histogram;
    use crate::intervals::time_columns::KEPT_COLUMNS_MAX;
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
    fn columns_are_whole_rows_within_the_limit() {
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
    fn intervals_belong_to_the_column_they_start_in() {
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
    fn keeps_intervals_beyond_the_timeline() {
        let mut columns = Columns::over(&timeline(2));
        let first = interval(Metric::Lag, 0);
        for second in 0..100_000 {
            columns.add(&IntervalHistogram {
                start_ns: second * SECOND,
                ..first.clone()
            });
        }
        assert_eq!(columns.column_ns(), 512 * SECOND);
        assert!(columns.of(Metric::Lag).count() as u64 <= KEPT_COLUMNS_MAX);
        let kept: u64 = columns.of(Metric::Lag).map(|(_, sum)| sum.len()).sum();
        assert_eq!(kept, 100_000);
    }
}
