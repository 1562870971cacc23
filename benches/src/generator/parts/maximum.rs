//! The highest rate that one core sustains.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::comparison::Comparison;
use crate::generator::peer::TENFOLD;
use crate::generator::server::{Server, ServerKind};
use crate::generator::turn::{self, Plan, Turn};

/// First rate to try, in requests per second.
pub(crate) const RATE_FIRST: u32 = 40_000;

/// Factor that raises the rate while it is sustained.
const RAISE_FACTOR: f64 = 1.3;

/// Maximum rate to try, in requests per second.
const RATE_MAX: u32 = 1_000_000;

/// Minimum share of the rate that must be achieved.
const ACHIEVED_MIN: f64 = 0.99;

/// Number of connections.
const CONNECTIONS: u32 = 64;

/// The highest rate that one core sustains against one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Maximum {
    /// ServerKind of the server.
    pub(crate) server: ServerKind,
    /// Highest sustained rate, per second. `None` if no rate was sustained.
    pub(crate) sustained_per_s: Option<u32>,
    /// Lowest rate that was not sustained, per second. `None` if all were.
    pub(crate) failed_per_s: Option<u32>,
    /// Rates that were tried.
    #[serde(rename = "tries")]
    pub(crate) attempts: Vec<Attempt>,
}

/// A rate that was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// True if the rate was sustained.
    pub(crate) sustained: bool,
    /// Result of the turn.
    pub(crate) turn: Turn,
}

/// Raises the rate until it is not sustained, then bisects `halvings` times.
pub(crate) fn measure(
    comparison: &mut Comparison<'_>,
    server: &Server,
    tenfold: &Path,
    halvings: u32,
) -> anyhow::Result<Maximum> {
    let mut found = Maximum {
        server: server.kind(),
        sustained_per_s: None,
        failed_per_s: None,
        attempts: Vec::new(),
    };
    let mut halved = 0;
    while let Some(rate) = next(found.sustained_per_s, found.failed_per_s) {
        if found.failed_per_s.is_some() {
            if halved == halvings {
                break;
            }
            halved += 1;
        }
        let plan = Plan {
            rate: Some(rate),
            connections: CONNECTIONS,
            measured: comparison.measured,
            scenario: comparison.workshop.full_job(),
            lead: Duration::ZERO,
            open_files: None,
        };
        let what = format!("tenfold at {}, up to {rate}/s", server.kind().name());
        let taken = turn::take(TENFOLD, tenfold, server, &plan, comparison.workshop);
        let Some(turn) = comparison.note(&what, taken)? else {
            break;
        };
        let sustained = is_sustained(&turn, rate);
        if sustained {
            found.sustained_per_s = Some(rate);
        } else {
            found.failed_per_s = Some(rate);
        }
        found.attempts.push(Attempt { sustained, turn });
    }
    Ok(found)
}

/// Returns the next rate to try. `None` at the end of the search.
fn next(sustained: Option<u32>, failed: Option<u32>) -> Option<u32> {
    match (sustained, failed) {
        (None, None) => Some(RATE_FIRST),
        (None, Some(high)) => (high > 1_000).then_some(high / 2),
        (Some(low), None) => {
            let raised = (f64::from(low) * RAISE_FACTOR) as u32;
            (raised <= RATE_MAX).then_some(raised)
        }
        (Some(low), Some(high)) => {
            let middle = low.midpoint(high) / 500 * 500;
            (low < middle && middle < high).then_some(middle)
        }
    }
}

/// Returns whether a rate was sustained: nearly all of it was achieved, nothing was dropped or failed, and
/// the generator does not report an invalid measurement.
fn is_sustained(turn: &Turn, rate: u32) -> bool {
    let report = &turn.report;
    turn.rate_per_s >= ACHIEVED_MIN * f64::from(rate)
        && report.dropped.unwrap_or(0) == 0
        && report.failed.unwrap_or(0) == 0
        && report.measurement.as_deref() != Some("invalid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_converges_to_sustained_rate() {
        let holds = 93_700;
        let (mut low, mut high) = (None, None);
        for _ in 0..20 {
            let Some(rate) = next(low, high) else { break };
            *(if rate <= holds { &mut low } else { &mut high }) = Some(rate);
        }
        assert!(low.unwrap() <= holds && high.unwrap() > holds);
        assert!(high.unwrap() - low.unwrap() <= 1_000, "{low:?} {high:?}");
    }

    #[test]
    fn search_halves_failed_first_rate() {
        assert_eq!(next(None, Some(RATE_FIRST)), Some(RATE_FIRST / 2));
        assert_eq!(next(None, Some(1_000)), None);
        assert_eq!(next(Some(RATE_MAX), None), None);
    }
}
