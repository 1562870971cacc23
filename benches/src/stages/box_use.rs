//! CPU and memory that a box used over a step.

use serde::{Deserialize, Serialize};
use tenfold_lab::BoxStatus;

/// CPU and memory that a box used over a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BoxUse {
    pub(crate) name: String,
    pub(crate) role: String,
    /// CPU time per response, in microseconds.
    pub(crate) cpu_us_a_request: f64,
    /// CPUs used on average over its periods; 0.2 is a fifth of one.
    pub(crate) used: f64,
    /// Share of its periods in which it was throttled.
    pub(crate) held_back: f64,
    pub(crate) memory_bytes: u64,
}

/// Length of a scheduling period of a box, in seconds.
const PERIOD_S: f64 = 0.010;

impl BoxUse {
    /// Returns the usage of boxes between two moments, for a number of requests.
    pub(crate) fn between(before: &[BoxStatus], after: &[BoxStatus], requests: f64) -> Vec<Self> {
        let used = after.iter().filter_map(|own| {
            let earlier = before.iter().find(|other| other.name == own.name)?.usage?;
            let usage = own.usage?;
            let cpu_s = usage.cpu.saturating_sub(earlier.cpu).as_secs_f64();
            let periods = usage.periods.saturating_sub(earlier.periods) as f64;
            let held = usage
                .periods_throttled
                .saturating_sub(earlier.periods_throttled);
            Some(Self {
                name: own.name.clone(),
                role: own.role.clone(),
                cpu_us_a_request: cpu_s * 1e6 / requests.max(1.0),
                used: cpu_s / (periods * PERIOD_S).max(PERIOD_S),
                held_back: held as f64 / periods.max(1.0),
                memory_bytes: usage.memory_bytes,
            })
        });
        used.collect()
    }
}
