//! Results of simulations beside the measured ones, and the simulated fleet.

use serde::{Deserialize, Serialize};

/// A step of a ladder, simulated from its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedStep {
    /// Name of the step.
    pub step: String,
    /// Reason why there is no simulation. `None` if there is one.
    pub error: Option<String>,
    /// Tiers, in the order of the path.
    pub tiers: Vec<SimulatedTier>,
    /// The knee. `None` if no rate was sustained in the simulation.
    pub knee: Option<SimulatedKnee>,
    /// Response time at p99 at about 70% of the measured knee.
    pub p99: Option<SimulatedP99>,
    /// Data that the runs lack, a sentence each.
    pub missing: Vec<String>,
    /// The fleet for the peak.
    pub fleet: Option<SimulatedFleet>,
    /// Reason why there is no fleet, although the step was simulated. `None` if there is one.
    #[serde(default)]
    pub fleet_error: Option<String>,
}

/// A tier as the runs describe it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedTier {
    /// Name.
    pub name: String,
    /// Boxes.
    pub boxes: usize,
    /// Processors that a box may use. `None` without a limit.
    pub cores: Option<f64>,
    /// CPU time of a request, all boxes together, in microseconds.
    pub cpu_us: f64,
}

/// A simulated knee beside the measured one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedKnee {
    /// Highest rate that the simulated service sustains, per second.
    pub simulated: f64,
    /// Criterion that fails above that: `backlog`, `machine`, or the text of an objective.
    pub limit: String,
    /// Tier with the busiest box there. `None` if the machine is the limit.
    pub busiest: Option<String>,
    /// Ends of the measured knee, per second; each `None` if it is not known.
    pub measured: [Option<f64>; 2],
    /// Simulated over the middle of the measured knee, less 1. `None` without both ends.
    pub error: Option<f64>,
}

/// A simulated response time beside the measured one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedP99 {
    /// Rate, per second: that of a run at 60% to 80% of the measured knee, or 70% of the knee.
    pub rate: f64,
    /// Simulated response time at p99, in nanoseconds.
    pub simulated_ns: f64,
    /// Measured one. `None` if no run at such a rate has enough samples.
    pub measured_ns: Option<f64>,
    /// 95% interval of the measured one.
    pub measured_interval_ns: Option<[f64; 2]>,
    /// Simulated over measured, less 1. `None` if nothing was measured.
    pub error: Option<f64>,
}

/// A fleet for the peak, simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimulatedFleet {
    /// Rate at the peak, per second.
    pub peak_per_s: f64,
    /// Tiers, in the order of the path.
    pub tiers: Vec<FleetTier>,
    /// Response time at p99 at the peak, in nanoseconds. `None` if the fleet does not sustain it.
    pub p99_ns: Option<f64>,
    /// The same without a zone. `None` if the rest does not sustain the peak, or there is one zone.
    pub p99_without_zone_ns: Option<f64>,
    /// Zones, one of which may fail. 1 for no spare zone.
    #[serde(default = "two_zones")]
    pub zones: u64,
    /// Highest rate that the fleet sustains, per second. `None` if it sustains none.
    pub knee_per_s: Option<f64>,
    /// Tier with the busiest box above that.
    pub breaks_first: Option<String>,
    /// Criterion that fails above that: `backlog`, or the text of an objective.
    pub limit: String,
    /// Price of all boxes for a month. `None` if it is not known.
    pub price_month: Option<f64>,
    /// Currency of the price.
    pub currency: Option<String>,
    /// Requests of the fleet for each one that is simulated.
    pub factor: f64,
    /// Boxes that are simulated.
    pub simulated_boxes: usize,
    /// Share of the reads with keys that miss the cache. `None` without a cache.
    pub misses: Option<f64>,
}

/// A tier of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetTier {
    /// Name.
    pub name: String,
    /// Boxes.
    pub boxes: u64,
    /// True if a request goes to the box that has its key.
    pub sharded: bool,
    /// CPU time that the peak needs over the allowed one, averaged over the boxes. 1 is full.
    pub utilisation: f64,
    /// The same, of the box with the most popular keys.
    pub busiest: f64,
}

/// Zones of results of earlier versions, which do not have them: the default of the command line.
fn two_zones() -> u64 {
    2
}

impl SimulatedStep {
    /// Returns a step that can't be simulated.
    pub fn failed(step: &str, error: String) -> Self {
        Self {
            step: step.to_owned(),
            error: Some(error),
            tiers: Vec::new(),
            knee: None,
            p99: None,
            missing: Vec::new(),
            fleet: None,
            fleet_error: None,
        }
    }
}
