//! The ladder: the steps by which a service grows, with the gain and the cost of each.

mod fleets;
mod outage;
mod prices;
mod step;

pub use outage::{Gap, Outage};
pub use prices::{PriceError, Prices};
pub use step::{Gained, Prediction, Step};

use serde::{Deserialize, Serialize};

use tenfold_stats::{Capacity, Scalability};

/// Version of the format.
pub const VERSION: u32 = 1;

/// `ladder.json`: the steps that were taken, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderReport {
    /// Version of this format: 1.
    pub version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Objectives that a sustained rate meets.
    pub rules: Vec<String>,
    /// Start of the first step, RFC 3339 in UTC.
    pub started_at: String,
    /// Flags that the steps depend on. A ladder that goes on must have the same.
    pub settings: Vec<String>,
    /// True once no step is left.
    pub finished: bool,
    /// Reason for the end before the last stage. `None` while steps are left, and if every stage was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_because: Option<String>,
    /// Requests of a user in a month. `None` if it is not known.
    pub requests_per_user: Option<f64>,
    /// Prices of boxes. `None` if they have none.
    pub prices: Option<Prices>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Stages that were left out.
    pub skipped: Vec<Skipped>,
}

/// A stage that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// The reason, in a sentence.
    pub because: String,
}

impl LadderReport {
    /// Returns the step that another one is compared with.
    pub fn before(&self, step: &Step) -> Option<&Step> {
        self.steps.get(step.compared_with?)
    }

    /// Returns what a step brought. `None` for the first step, and if the one before sustained no rate.
    pub fn gained(&self, step: &Step) -> Option<Gained> {
        Gained::between(self.before(step)?, step)
    }

    /// Returns the number of users whose mean rate a step sustains. `None` if it is not known.
    pub fn users(&self, step: &Step) -> Option<f64> {
        let per_second = self.requests_per_user? / crate::plan::SECONDS_PER_MONTH;
        Some(step.sustained? / per_second)
    }

    /// Returns the price of a step in a month. `None` without prices, or without the sizes of its boxes.
    pub fn price(&self, step: &Step) -> Option<f64> {
        if step.price_month.is_some() {
            return step.price_month;
        }
        self.prices.as_ref()?.of(&step.boxes)
    }

    /// Returns the price in a month of a thousand requests per second. `None` if it is not known.
    pub fn price_of_rate(&self, step: &Step) -> Option<f64> {
        let sustained = step.sustained.filter(|rate| *rate > 0.0)?;
        Some(self.price(step)? / sustained * 1_000.0)
    }

    /// Returns the step that sustains the highest rate. `None` if none sustained one.
    pub fn highest(&self) -> Option<&Step> {
        let sustained = self.steps.iter().filter(|step| step.sustained.is_some());
        let rate = |step: &Step| step.sustained.unwrap_or(0.0);
        sustained.max_by(|one, other| rate(one).total_cmp(&rate(other)))
    }

    /// Fits the Universal Scalability Law to the steps with a number of workers. `None` with fewer than three numbers.
    pub fn scalability(&self) -> Option<Scalability> {
        Scalability::fit(&self.capacities())
    }

    /// Returns the steps whose number of workers and both ends of whose knee are known.
    pub fn capacities(&self) -> Vec<Capacity> {
        let steps = self.steps.iter();
        let known = steps.filter_map(|step| {
            Some(Capacity {
                workers: step.copies?.into(),
                rate: [step.sustained?, step.failed?],
            })
        });
        known.collect()
    }

    /// Returns how many predictions were made, and how many held.
    pub fn predictions(&self) -> (usize, usize) {
        let judged = self.steps.iter().filter_map(|step| {
            let prediction = step.prediction.as_ref()?;
            Some(self.gained(step)?.agrees_with(prediction))
        });
        let judged: Vec<bool> = judged.collect();
        (
            judged.len(),
            judged.into_iter().filter(|held| *held).count(),
        )
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::manifest::BoxInfo;

    use super::*;
    use crate::knee::End;

    fn step(name: &str, sustained: f64, failed: f64, compared_with: Option<usize>) -> Step {
        Step {
            name: name.to_owned(),
            change: String::new(),
            reason: None,
            directory: name.into(),
            compared_with,
            prediction: None,
            stage: None,
            boxes: vec![BoxInfo {
                name: "web".to_owned(),
                cpu: Some(0.5),
                memory_bytes: Some(1 << 30),
            }],
            copies: None,
            price_month: None,
            ready_s: 1.0,
            sustained: Some(sustained),
            failed: Some(failed),
            end: End::Confirmed,
            bottleneck: None,
            outages: Vec::new(),
        }
    }

    fn ladder() -> LadderReport {
        let mut second = step("two", 180.0, 200.0, Some(0));
        second.prediction = Some(Prediction {
            factor: [1.9, 2.1],
            because: String::new(),
        });
        LadderReport {
            version: VERSION,
            scenario: "uneven".to_owned(),
            rules: Vec::new(),
            started_at: String::new(),
            settings: Vec::new(),
            finished: true,
            ended_because: None,
            requests_per_user: Some(2.5e6),
            prices: Some(Prices {
                date: "2026-03".to_owned(),
                source: String::new(),
                currency: "USD".to_owned(),
                cpu_hour: 0.04,
                gib_hour: 0.01,
            }),
            steps: vec![step("one", 90.0, 100.0, None), second],
            skipped: Vec::new(),
        }
    }

    #[test]
    fn gain_has_the_interval_of_both_brackets() {
        let ladder = ladder();
        let gained = ladder.gained(&ladder.steps[1]).unwrap();
        assert_eq!(gained.least, Some(180.0 / 100.0));
        assert_eq!(gained.most, Some(200.0 / 90.0));
        assert_eq!(ladder.gained(&ladder.steps[0]), None);
        assert_eq!(ladder.predictions(), (1, 1));
        assert_eq!(ladder.highest().unwrap().name, "two");
    }

    #[test]
    fn users_and_prices_follow_from_the_rate() {
        let ladder = ladder();
        let first = &ladder.steps[0];
        // One request per second and user.
        assert_eq!(ladder.users(first), Some(90.0));
        // 730 hours of half a core and 1 GiB.
        let price = ladder.price(first).unwrap();
        assert!((price - 730.0 * (0.02 + 0.01)).abs() < 1e-9, "{price}");
        let per_thousand = ladder.price_of_rate(first).unwrap();
        assert!((per_thousand - price / 0.09).abs() < 1e-9, "{per_thousand}");
    }

    #[test]
    fn a_step_that_sustains_nothing_misses_its_prediction() {
        let mut ladder = ladder();
        ladder.steps[1].sustained = None;
        ladder.steps[1].failed = Some(100.0);
        // Fewer than 100/s after 90/s, predicted were 171/s.
        assert_eq!(ladder.predictions(), (1, 0));
    }

    #[test]
    fn unknown_stays_unknown() {
        let mut ladder = ladder();
        ladder.requests_per_user = None;
        ladder.steps[0].boxes[0].cpu = None;
        ladder.steps[1].failed = None;
        assert_eq!(ladder.users(&ladder.steps[0]), None);
        assert_eq!(ladder.price(&ladder.steps[0]), None);
        let gained = ladder.gained(&ladder.steps[1]).unwrap();
        assert_eq!(gained.most, None);
        ladder.steps[0].failed = None;
        let gained = ladder.gained(&ladder.steps[1]).unwrap();
        assert_eq!((gained.least, gained.most), (None, None));
        ladder.steps[0].sustained = None;
        assert_eq!(ladder.gained(&ladder.steps[1]), None);
    }
}
