//! Goal of a search for the knee: width, time, and lengths of trials.

use std::time::Duration;

/// Goal of a search for the knee: width, time, and lengths of trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Width of the answer, relative to its lower end.
    pub width: f64,
    /// Duration of a trial far from the knee.
    pub short: Duration,
    /// Duration of a trial near the knee.
    pub medium: Duration,
    /// Duration of a trial that confirms an end of the answer.
    pub long: Duration,
    /// Number of trials that confirm an end of the answer.
    pub confirmations: usize,
    /// Time after which no further trial begins.
    pub budget: Duration,
    /// Time for the search and the runs at shares of the knee, unless the search takes all of it.
    pub within: Duration,
}

impl Goal {
    /// An answer of 5% width within five minutes.
    pub fn thorough() -> Self {
        Self {
            width: 0.05,
            short: Duration::from_secs(3),
            medium: Duration::from_secs(6),
            long: Duration::from_secs(15),
            confirmations: 2,
            budget: Duration::from_secs(270),
            within: Duration::from_secs(295),
        }
    }

    /// An answer of 10% width within 90 seconds.
    pub fn quick() -> Self {
        Self {
            width: 0.10,
            short: Duration::from_secs(2),
            medium: Duration::from_secs(4),
            long: Duration::from_secs(6),
            confirmations: 1,
            budget: Duration::from_secs(80),
            within: Duration::from_secs(88),
        }
    }
}
