//! Memory of many users over time.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::comparison::Comparison;
use crate::generator::peer::TENFOLD;
use crate::generator::server::Server;
use crate::generator::turn::{self, Plan, Turn};

/// Number of users.
pub(crate) const USERS: u32 = 1_000;

/// Total rate, in requests per second.
pub(crate) const RATE: u32 = 20_000;

/// Memory of many users over time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Result of the turn.
    pub(crate) turn: Turn,
    /// Growth of resident memory from the second to the last quarter of the samples, in bytes. `None` with
    /// fewer than four samples.
    pub(crate) growth_bytes: Option<i64>,
}

/// Runs a thousand users for a while.
pub(crate) fn measure(
    comparison: &mut Comparison<'_>,
    server: &Server,
    tenfold: &Path,
    lasts: Duration,
) -> anyhow::Result<Option<Memory>> {
    let plan = Plan {
        rate: Some(RATE),
        connections: USERS,
        measured: lasts,
        scenario: comparison.workshop.full_job(),
        lead: Duration::ZERO,
        open_files: None,
    };
    let what = format!("tenfold with {USERS} users for {} s", lasts.as_secs());
    let taken = turn::take(TENFOLD, tenfold, server, &plan, comparison.workshop);
    Ok(comparison.note(&what, taken)?.map(|turn| Memory {
        growth_bytes: growth(&turn.memory_bytes),
        turn,
    }))
}

/// Compares the means of quarters: the first quarter contains the start-up, and single samples are noisy. The
/// memory of the final report is only part of the peak.
fn growth(samples: &[u64]) -> Option<i64> {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return None;
    }
    let mean = |part: &[u64]| part.iter().sum::<u64>() as f64 / part.len().max(1) as f64;
    let second = mean(&samples[quarter..2 * quarter]);
    Some((mean(&samples[samples.len() - quarter..]) - second) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_ignores_start_up() {
        assert_eq!(growth(&[1, 9, 10, 10, 10, 10, 10, 10]), Some(0));
        assert_eq!(growth(&[0, 0, 10, 20, 30, 40, 50, 60]), Some(40));
        assert_eq!(growth(&[1, 2]), None);
    }
}
