//! Offered, sent and achieved rate.

use serde::{Deserialize, Serialize};

/// Offered, sent and achieved rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Planned arrivals per second.
    pub offered: f64,
    /// Requests sent per second, without those that the generator failed to send.
    #[serde(default)]
    pub sent: f64,
    /// Expected responses per second that were complete before the last counted phase ended.
    pub achieved: f64,
    /// Achieved as a share of offered. `None` if nothing was offered.
    pub share: Option<f64>,
}

/// Share of the offered rate that was sent, below which it is not quoted without the rate that was sent.
const SENT_MIN: f64 = 0.99;

impl Rates {
    /// Returns whether fewer requests were sent than offered, so that nothing may be said of the offered rate.
    pub fn falls_short(&self) -> bool {
        self.sent < SENT_MIN * self.offered
    }

    pub(crate) fn new(planned: u64, sent: u64, completed: f64, seconds: f64) -> Self {
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        Self {
            offered: per_second(planned as f64),
            sent: per_second(sent as f64),
            achieved: per_second(completed),
            share: (planned > 0).then(|| completed / planned as f64),
        }
    }
}
