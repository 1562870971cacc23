//! Offered and achieved rate.

use serde::{Deserialize, Serialize};

/// Offered and achieved rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Planned arrivals per second.
    pub offered: f64,
    /// Expected responses per second that were complete before the last counted phase ended.
    pub achieved: f64,
    /// Achieved as a share of offered. `None` if nothing was offered.
    pub share: Option<f64>,
}

impl Rates {
    pub(crate) fn new(planned: u64, completed: f64, seconds: f64) -> Self {
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        Self {
            offered: per_second(planned as f64),
            achieved: per_second(completed),
            share: (planned > 0).then(|| completed / planned as f64),
        }
    }
}
