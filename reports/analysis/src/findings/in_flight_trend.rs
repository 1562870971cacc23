//! Growth of the requests in flight over a run.

use tenfold_run_dir::Run;
use tenfold_run_dir::timeline::Row;

use crate::summary::window::Window;

/// Change in the number of requests in flight or waiting, from the first to the last third of the counted
/// phases.
///
/// `early_s` and `late_s` divide the number of each second by its arrivals, so that a rising rate does not
/// look like a growing queue.
pub(crate) struct InFlightTrend {
    pub(crate) early: f64,
    pub(crate) late: f64,
    early_s: f64,
    late_s: f64,
}

impl InFlightTrend {
    /// Returns the change over a window.
    pub(crate) fn of(run: &Run, window: &Window) -> Self {
        let rows: Vec<&Row> = window.rows(run).filter(|row| row.planned > 0).collect();
        let third = rows.len() / 3;
        let mean = |rows: &[&Row], of: &dyn Fn(&Row) -> f64| {
            rows.iter().map(|row| of(row)).sum::<f64>() / rows.len().max(1) as f64
        };
        let pending = |row: &Row| (row.in_flight + row.waiting) as f64;
        let pending_s = |row: &Row| pending(row) / row.planned as f64;
        let (early, late) = (&rows[..third], &rows[rows.len() - third..]);
        Self {
            early: mean(early, &pending),
            late: mean(late, &pending),
            early_s: mean(early, &pending_s),
            late_s: mean(late, &pending_s),
        }
    }

    /// Returns whether the number grew by half, to more than a tenth of the arrivals of a second.
    pub(crate) fn grows(&self) -> bool {
        self.late_s > 1.5 * self.early_s && self.late_s > 0.1
    }
}
