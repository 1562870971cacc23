//! The rows of the time line, as they are recorded.

use tenfold_run_dir::timeline::{Row, SideRows, Timeline};

/// The duration of a row of the time line.
pub(crate) const ROW_NS: u64 = 1_000_000_000;

/// The rows of the time line, as they are recorded.
#[derive(Debug, Default)]
pub(crate) struct TimelineRows {
    rows: Vec<Row>,
    /// True if each row has counts of both sides.
    paired: bool,
    /// When the current interval began.
    interval_start: u64,
    /// The generator's CPU time in all previous intervals.
    cpu_ns: u64,
    /// The first row that may have changed since the last checkpoint.
    changed: usize,
}

impl TimelineRows {
    /// Creates an empty time line.
    pub(crate) fn new(paired: bool) -> Self {
        Self {
            paired,
            ..Self::default()
        }
    }

    /// The row that contains a moment, created if missing.
    pub(crate) fn at(&mut self, at_ns: u64) -> &mut Row {
        let index = usize::try_from(at_ns / ROW_NS).unwrap_or(usize::MAX);
        self.changed = self.changed.min(index);
        while self.rows.len() <= index {
            let start_ns = self.rows.len() as u64 * ROW_NS;
            self.rows.push(Row {
                start_ns,
                duration_ns: ROW_NS,
                phase: self.rows.last().map_or(0, |row| row.phase),
                sides: self.paired.then(SideRows::default),
                ..Row::default()
            });
        }
        &mut self.rows[index]
    }

    /// Ends an interval: records the current state, and distributes the generator's CPU time since the
    /// previous interval.
    pub(crate) fn end_interval(
        &mut self,
        now: u64,
        phase: usize,
        in_flight: u64,
        waiting: usize,
        cpu_ns: u64,
    ) {
        let since = self.interval_start;
        // Intervals end slightly after the second, or long after it if the generator was stalled. The
        // state belongs to the row that contains the middle of the interval.
        let row = self.at(since + now.saturating_sub(since) / 2);
        row.in_flight = in_flight;
        row.waiting = waiting as u64;
        row.phase = phase;
        self.at(now.saturating_sub(1));
        self.spread_cpu(now, cpu_ns);
        self.interval_start = now;
    }

    /// The generator's CPU time up to the end of the last interval.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.cpu_ns
    }

    /// The index of the first row that may have changed since the last checkpoint, and the rows from
    /// there.
    pub(crate) fn changed(&self) -> (usize, &[Row]) {
        let first = self.changed.min(self.rows.len());
        (first, &self.rows[first..])
    }

    /// Notes that the rows are in a checkpoint.
    pub(crate) fn mark_written(&mut self) {
        // The checkpoint may have merged the last row into the one before it.
        self.changed = self.rows.len().saturating_sub(2);
    }

    /// Ends the last interval. `cpu_ns` is the generator's CPU time since the start.
    pub(crate) fn finish(mut self, now: u64, cpu_ns: u64) -> Timeline {
        self.spread_cpu(now, cpu_ns.saturating_sub(self.cpu_ns));
        Timeline { rows: self.rows }
    }

    /// Distributes CPU time since the last interval over the rows up to `now`, in proportion to time. Time
    /// beyond the last row is added to the last row.
    fn spread_cpu(&mut self, now: u64, cpu_ns: u64) {
        let since = self.interval_start;
        let Some(last) = self.rows.len().checked_sub(1) else {
            return;
        };
        let index = |at_ns: u64| usize::try_from(at_ns / ROW_NS).map_or(last, |row| row.min(last));
        let (first, last) = (index(since), index(now.saturating_sub(1).max(since)));
        self.changed = self.changed.min(first);
        let mut left = cpu_ns;
        for row in &mut self.rows[first..last] {
            let covered = (row.start_ns + row.duration_ns).saturating_sub(since.max(row.start_ns));
            let share = covered as f64 / now.saturating_sub(since).max(1) as f64;
            let part = ((cpu_ns as f64 * share) as u64).min(left);
            row.generator_cpu_ns += part;
            left -= part;
        }
        self.rows[last].generator_cpu_ns += left;
        self.cpu_ns = self.cpu_ns.saturating_add(cpu_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_interval_counts_in_its_second() {
        let mut rows = TimelineRows::default();
        rows.end_interval(1_000_000_000, 0, 7, 3, 100);
        rows.end_interval(2_000_000_000, 0, 8, 4, 200);
        let timeline = rows.finish(2_500_000_000, 350);
        let seen: Vec<_> = timeline
            .rows
            .iter()
            .map(|row| (row.in_flight, row.waiting, row.generator_cpu_ns))
            .collect();
        assert_eq!(seen, [(7, 3, 100), (8, 4, 250)]);

        let mut rows = TimelineRows::default();
        rows.end_interval(1_000_900_000, 0, 7, 3, 1_000_900_000);
        rows.end_interval(2_000_300_000, 0, 0, 0, 999_400_000);
        let timeline = rows.finish(2_000_400_000, 2_000_400_000);
        assert_eq!(timeline.rows[0].in_flight, 7);
        for row in &timeline.rows[..2] {
            assert!(
                row.generator_cpu_ns.abs_diff(1_000_000_000) < 1_000,
                "a busy thread uses one CPU: {row:?}"
            );
        }
    }

    #[test]
    fn late_interval_distributes_cpu_time() {
        let mut rows = TimelineRows::default();
        rows.end_interval(1_300_000_000, 0, 0, 0, 1_300_000_000);
        rows.end_interval(2_000_000_000, 0, 0, 0, 700_000_000);
        let timeline = rows.finish(2_000_000_000, 2_000_000_000);
        for row in &timeline.rows {
            assert!(
                row.generator_cpu_ns.abs_diff(1_000_000_000) < 1_000,
                "{row:?}"
            );
        }
    }
}
