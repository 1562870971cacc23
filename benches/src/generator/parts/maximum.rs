//! The highest rate that one core sustains.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::course::Course;
use crate::generator::peer::TENFOLD;
use crate::generator::server::{Kind, Server};
use crate::generator::turn::{self, Plan, Turn};

/// The first rate that is tried, per second.
pub(crate) const FIRST: u32 = 40_000;

/// What a rate is raised by for as long as it is sustained.
const RAISE: f64 = 1.3;

/// No rate beyond this is tried, per second.
const MOST: u32 = 1_000_000;

/// The share of the rate that must be achieved.
const SUSTAINED: f64 = 0.99;

/// The connections that the rate comes over.
const CONNECTIONS: u32 = 64;

/// The highest rate that one core sustains against one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Maximum {
    /// The server.
    pub(crate) server: Kind,
    /// The highest rate that was sustained, per second; none where even the first was not.
    pub(crate) sustained_per_s: Option<u32>,
    /// The lowest rate that was not sustained, per second; none where all were.
    pub(crate) failed_per_s: Option<u32>,
    /// Every rate that was tried.
    pub(crate) tries: Vec<Try>,
}

/// A rate that was tried.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Try {
    /// Whether it was sustained.
    pub(crate) sustained: bool,
    /// What came of it.
    pub(crate) turn: Turn,
}

/// Raises the rate until it is not sustained, and halves the distance `halvings` times.
pub(crate) fn measure(
    course: &mut Course<'_>,
    server: &Server,
    tenfold: &Path,
    halvings: u32,
) -> anyhow::Result<Maximum> {
    let mut found = Maximum {
        server: server.kind(),
        sustained_per_s: None,
        failed_per_s: None,
        tries: Vec::new(),
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
            measured: course.measured,
            scenario: course.workshop.full_job(),
            lead: Duration::ZERO,
            open_files: None,
        };
        let what = format!("tenfold at {}, up to {rate}/s", server.kind().name());
        let taken = turn::take(TENFOLD, tenfold, server, &plan, course.workshop);
        let Some(turn) = course.note(&what, taken)? else {
            break;
        };
        let sustained = is_sustained(&turn, rate);
        if sustained {
            found.sustained_per_s = Some(rate);
        } else {
            found.failed_per_s = Some(rate);
        }
        found.tries.push(Try { sustained, turn });
    }
    Ok(found)
}

/// The rate to try next; none where there is none worth a try.
fn next(sustained: Option<u32>, failed: Option<u32>) -> Option<u32> {
    match (sustained, failed) {
        (None, None) => Some(FIRST),
        (None, Some(high)) => (high > 1_000).then_some(high / 2),
        (Some(low), None) => {
            let raised = (f64::from(low) * RAISE) as u32;
            (raised <= MOST).then_some(raised)
        }
        (Some(low), Some(high)) => {
            let middle = low.midpoint(high) / 500 * 500;
            (low < middle && middle < high).then_some(middle)
        }
    }
}

/// Tells whether a rate was kept: nearly all of it was sent, nothing was dropped or failed, and the
/// generator does not itself call its measurement invalid.
fn is_sustained(turn: &Turn, rate: u32) -> bool {
    let report = &turn.report;
    turn.rate_per_s >= SUSTAINED * f64::from(rate)
        && report.dropped.unwrap_or(0) == 0
        && report.failed.unwrap_or(0) == 0
        && report.measurement.as_deref() != Some("invalid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_close_in_on_the_one_that_holds() {
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
    fn rates_fall_where_the_first_is_too_much() {
        assert_eq!(next(None, Some(FIRST)), Some(FIRST / 2));
        assert_eq!(next(None, Some(1_000)), None);
        assert_eq!(next(Some(MOST), None), None);
    }
}
