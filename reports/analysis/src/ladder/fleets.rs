//! Fleets for the traffic of a plan, one for each step of a ladder.

use tenfold_run_dir::box_use::role_of;

use super::LadderReport;
use crate::plan::{BoxCapacity, Fleet, TooManyBoxes, Traffic};

impl LadderReport {
    /// Returns a fleet for each step that sustains a rate. `utilisation` is the share of that rate to plan with; one of the
    /// `zones` may fail.
    ///
    /// # Errors
    /// If the peak needs more than ten million copies of a step.
    pub fn fleets(
        &self,
        traffic: &Traffic,
        utilisation: f64,
        zones: u64,
    ) -> Result<Vec<Fleet>, TooManyBoxes> {
        let sustained = self.steps.iter().filter_map(|step| {
            let sustained = step.sustained.filter(|rate| *rate > 0.0)?;
            Some((step, sustained))
        });
        let steps = sustained.map(|(step, sustained)| {
            let capacity = BoxCapacity {
                sustained,
                utilisation,
                zones,
            };
            let mut fleet = Fleet::of(&step.name, traffic, capacity)?;
            for own in &step.boxes {
                *fleet
                    .boxes
                    .entry(role_of(&own.name).to_owned())
                    .or_default() += fleet.copies;
            }
            fleet.price_month = self.price(step).map(|price| price * fleet.copies as f64);
            fleet.currency = self.prices.as_ref().map(|own| own.currency.clone());
            Ok(fleet)
        });
        steps.collect()
    }
}
