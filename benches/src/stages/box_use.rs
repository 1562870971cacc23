//! CPU and memory that a box used over a step.

use serde::Serialize;
use tenfold_lab::BoxStatus;

/// What a box used over a step.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BoxUse {
    pub(crate) name: String,
    pub(crate) role: String,
    /// Processor time over the requests that were answered, in microseconds.
    pub(crate) cpu_us_a_request: f64,
    /// The share of the periods' time that it had a processor: 0.2 is a fifth of one.
    pub(crate) used: f64,
    /// The share of the periods in which it ran that it was held back in.
    pub(crate) held_back: f64,
    pub(crate) memory_bytes: u64,
}

/// The length of a period, in seconds, by which boxes are held to their share.
const PERIOD_S: f64 = 0.010;

impl BoxUse {
    /// What boxes used between two looks, for so many requests.
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
