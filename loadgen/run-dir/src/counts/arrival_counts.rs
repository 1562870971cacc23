//! Outcomes of any group of arrivals.

use serde::{Deserialize, Serialize};

use super::RequestCounts;

/// Outcomes of any group of arrivals: the part of [`RequestCounts`] that adds up over requests and phases.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ArrivalCounts {
    /// Arrivals that the schedule planned.
    pub planned: u64,
    /// Arrivals that a user took up to send.
    pub sent: u64,
    /// Sent arrivals that failed before anything was written. 0 in runs of earlier versions.
    #[serde(default)]
    pub not_written: u64,
    /// Requests answered as expected.
    pub completed: u64,
    /// Requests that failed, for any reason.
    pub failed: u64,
    /// Arrivals never sent, because every user was busy for too long.
    pub dropped: u64,
    /// Requests still in flight when the run ended.
    pub in_flight: u64,
}

impl ArrivalCounts {
    /// Returns the error rate: failed and dropped arrivals, as a share of all that ended. `None` if none ended.
    ///
    /// A dropped arrival counts as an error, because its user got no response.
    pub fn error_rate(&self) -> Option<f64> {
        let errors = self.failed + self.dropped;
        let ended = errors + self.completed;
        (ended > 0).then(|| errors as f64 / ended as f64)
    }
}

impl From<&RequestCounts> for ArrivalCounts {
    fn from(counts: &RequestCounts) -> Self {
        Self {
            planned: counts.planned,
            sent: counts.sent,
            not_written: counts.not_written,
            completed: counts.completed,
            failed: counts.failed,
            dropped: counts.dropped,
            in_flight: counts.in_flight,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_arrivals_are_errors() {
        let counts = ArrivalCounts {
            completed: 90,
            failed: 4,
            dropped: 6,
            in_flight: 50,
            ..ArrivalCounts::default()
        };
        assert_eq!(counts.error_rate(), Some(0.1));
        assert_eq!(ArrivalCounts::default().error_rate(), None);
    }
}
