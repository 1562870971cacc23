//! The rows of the time line as they come to be.

use tenfold_run_dir::timeline::{Row, SideRows, Timeline};

/// The length of a row of the time line.
pub(crate) const ROW_NS: u64 = 1_000_000_000;

/// The rows of the time line as they come to be.
#[derive(Debug, Default)]
pub(crate) struct TimelineRows {
    rows: Vec<Row>,
    /// Whether each has what came of both sides.
    paired: bool,
    /// When the interval that is recorded now began.
    interval_start: u64,
    /// The generator's CPU time in the intervals before.
    cpu_ns: u64,
    /// The first row that may not be as it was kept last.
    changed: usize,
}

impl TimelineRows {
    /// Begins a time line, of a paired run or another.
    pub(crate) fn new(paired: bool) -> Self {
        Self {
            paired,
            ..Self::default()
        }
    }

    /// The row that a moment lies in, which comes to be where there is none yet.
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

    /// Ends an interval: notes how things stand, and shares out the generator's CPU time since the
    /// interval before.
    pub(crate) fn end_interval(
        &mut self,
        now: u64,
        phase: usize,
        in_flight: u64,
        waiting: usize,
        cpu_ns: u64,
    ) {
        let since = self.interval_start;
        // Intervals end a little after the second, or long after it where the generator stood still:
        // how things stand belongs to the row in which the middle of the interval lies.
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

    /// The rows that may have changed since they were kept, and the index of the first of them.
    pub(crate) fn changed(&self) -> (usize, &[Row]) {
        let first = self.changed.min(self.rows.len());
        (first, &self.rows[first..])
    }

    /// Notes that the rows are kept as they are now.
    pub(crate) fn kept(&mut self) {
        // The last may have been kept as a part of the one before it.
        self.changed = self.rows.len().saturating_sub(2);
    }

    /// Ends the last interval; `cpu_ns` is the generator's CPU time since the start.
    pub(crate) fn finish(mut self, now: u64, cpu_ns: u64) -> Timeline {
        self.spread_cpu(now, cpu_ns.saturating_sub(self.cpu_ns));
        Timeline { rows: self.rows }
    }

    /// Adds CPU time since the last interval's end to the rows that the time up to `now` lies in, each
    /// its share; what lies beyond the last row goes to that.
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
    fn an_interval_that_ends_just_after_the_second_is_noted_in_the_row_of_that_second() {
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
                "a thread that is always busy uses one processor: {row:?}"
            );
        }
    }

    #[test]
    fn the_processor_time_of_a_late_interval_is_shared_out() {
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
