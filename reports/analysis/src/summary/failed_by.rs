//! Failed requests by the side that they are blamed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::blamed_on;

/// Maximum share of the arrivals that may fail because of the generator. Beyond it, the measurement is invalid.
pub const OWN_FAILURES_MAX: f64 = 0.001;

/// Failed requests by the side that they are blamed on. Classes of a later version count for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedBy {
    /// Blamed on the service, or on the network between.
    pub service: u64,
    /// Blamed on the generator, its machine or its libraries.
    pub generator: u64,
    /// Blamed on the scenario.
    pub scenario: u64,
}

impl FailedBy {
    /// Sums failures by side.
    pub(crate) fn of(failures: &BTreeMap<String, u64>) -> Self {
        Self {
            service: blamed_on(Blame::Service, failures),
            generator: blamed_on(Blame::Generator, failures),
            scenario: blamed_on(Blame::Scenario, failures),
        }
    }
}
