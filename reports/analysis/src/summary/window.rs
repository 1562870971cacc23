//! The counted periods of a run.

use tenfold_run_dir::Run;
use tenfold_run_dir::timeline::Row;

/// The counted periods of a run: its phases except for warm-up, up to the end of the run.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    spans: Vec<(u64, u64)>,
    end: u64,
}

impl Window {
    /// Returns the counted periods of a run.
    pub(crate) fn of(run: &Run) -> Self {
        // An interrupted run may have ended within a phase.
        let reached = match run.counts.interrupted {
            Some(_) => run.counts.elapsed_ns,
            None => u64::MAX,
        };
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for phase in run.manifest.phases.iter().filter(|phase| !phase.warm_up) {
            let end = phase.end_ns().min(reached);
            if phase.start_ns >= end {
                continue;
            }
            match spans.last_mut() {
                Some(last) if last.1 == phase.start_ns => last.1 = end,
                _ => spans.push((phase.start_ns, end)),
            }
        }
        let end = spans.iter().map(|span| span.1).max().unwrap_or(0);
        Self { spans, end }
    }

    /// Returns the total duration of the periods, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.spans
            .iter()
            .map(|(start, end)| end - start)
            .sum::<u64>() as f64
            / 1e9
    }

    /// Returns the counted share of a time span, 0 to 1.
    ///
    /// The row in which the window ends counts in full: no arrival was planned in the rest of it.
    pub(crate) fn share(&self, start_ns: u64, duration_ns: u64) -> f64 {
        let stop = start_ns.saturating_add(duration_ns);
        if duration_ns == 0 || start_ns >= self.end {
            return 0.0;
        }
        let mut covered = 0;
        for (start, end) in &self.spans {
            let end = if *end == self.end {
                stop.max(*end)
            } else {
                *end
            };
            covered += stop.min(end).saturating_sub(start_ns.max(*start));
        }
        covered as f64 / duration_ns as f64
    }

    /// Sums a value over the rows, weighted by the counted share of each.
    pub(crate) fn sum(&self, run: &Run, of: impl Fn(&Row) -> u64) -> f64 {
        run.timeline
            .rows
            .iter()
            .map(|row| of(row) as f64 * self.share(row.start_ns, row.duration_ns))
            .sum()
    }

    /// Returns the rows that lie entirely within the window, in order.
    pub(crate) fn rows<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = &'a Row> {
        run.timeline.rows.iter().filter(|row| {
            self.spans
                .iter()
                .any(|(start, end)| row.start_ns >= *start && row.end_ns() <= *end)
        })
    }
}
