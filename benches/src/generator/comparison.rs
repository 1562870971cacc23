//! Settings and failures that all parts of the comparison share.

use std::time::Duration;

use crate::generator::turn::Turn;
use crate::workshop::Workshop;
use crate::workshop::interrupt::Interrupted;
use crate::workshop::progress::report;

/// Settings and failures that all parts of the comparison share.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) workshop: &'a Workshop,
    pub(crate) measured: Duration,
    pub(crate) seed: u64,
    pub(super) mishaps: Vec<String>,
}

impl Comparison<'_> {
    /// Reports the result of a turn. Records a failed turn so that the comparison continues.
    ///
    /// # Errors
    /// Returns an error if the benchmark was interrupted.
    pub(crate) fn note(
        &mut self,
        what: &str,
        turn: anyhow::Result<Turn>,
    ) -> anyhow::Result<Option<Turn>> {
        match turn {
            Ok(turn) => {
                let lag = turn.report.lag_p99_ns.map_or_else(String::new, |ns| {
                    format!(", lag p99 {}", tenfold_analysis::format::duration(ns))
                });
                report(&format!(
                    "{what}: {:.0}/s, {:.2} µs a request{lag}",
                    turn.rate_per_s, turn.cpu_us
                ));
                Ok(Some(turn))
            }
            Err(error) if error.is::<Interrupted>() => Err(error),
            Err(error) => {
                let mishap = format!("{what}: {error:#}");
                report(&mishap);
                self.mishaps.push(mishap);
                Ok(None)
            }
        }
    }
}
