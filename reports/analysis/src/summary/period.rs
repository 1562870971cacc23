//! A stretch of a run.

use std::collections::BTreeMap;

use tenfold_run_dir::Run;
use tenfold_run_dir::host_timeline::HostSample;
use tenfold_run_dir::timeline::Row;

/// A stretch of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Period<'a> {
    run: &'a Run,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
}

impl<'a> Period<'a> {
    /// Returns the part of a period that lies before the end of an interrupted run.
    pub(crate) fn of(run: &'a Run, start_ns: u64, end_ns: u64) -> Self {
        let reached = match run.counts.interrupted {
            Some(_) => run.counts.elapsed_ns,
            None => u64::MAX,
        };
        Self {
            run,
            start_ns,
            end_ns: end_ns.min(reached).max(start_ns),
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        (self.end_ns - self.start_ns) as f64 / 1e9
    }

    /// Returns the share of a time span that lies in the period, 0 to 1.
    pub(crate) fn share(&self, start_ns: u64, duration_ns: u64) -> f64 {
        let end = start_ns.saturating_add(duration_ns).min(self.end_ns);
        let covered = end.saturating_sub(start_ns.max(self.start_ns));
        covered as f64 / duration_ns.max(1) as f64
    }

    /// Returns the rows with a part in the period, with the share of each.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'a Row, f64)> {
        let rows = self.run.timeline.rows.iter();
        let shares = rows.map(|row| (row, self.share(row.start_ns, row.duration_ns)));
        shares.filter(|(_, share)| *share > 0.0)
    }

    /// Sums a value over the rows, weighted by the share of each.
    pub(crate) fn sum(&self, of: impl Fn(&Row) -> u64) -> f64 {
        self.rows().map(|(row, share)| of(row) as f64 * share).sum()
    }

    pub(crate) fn failures(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::<String, f64>::new();
        for (row, share) in self.rows() {
            for own in &row.failures {
                *sums.entry(own.class.to_string()).or_default() += own.count as f64 * share;
            }
        }
        let counts = sums.into_iter();
        counts
            .map(|(class, sum)| (class, sum.round() as u64))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// Averages a value over the samples of the host, weighted by the time of each in the period. `None` without a value.
    pub(crate) fn mean(&self, of: impl Fn(&HostSample) -> Option<f64>) -> Option<f64> {
        let (mut sum, mut weights) = (0.0, 0.0);
        for sample in &self.run.host.samples {
            let start = sample.at_ns.saturating_sub(sample.duration_ns);
            let weight = self.share(start, sample.duration_ns) * sample.duration_ns as f64;
            if let Some(value) = of(sample).filter(|_| weight > 0.0) {
                sum += weight * value;
                weights += weight;
            }
        }
        (weights > 0.0).then(|| sum / weights)
    }
}
