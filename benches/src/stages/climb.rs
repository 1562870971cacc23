//! Search for the highest rate that a stage sustains.

use serde::{Deserialize, Serialize};

use super::step::Step;

/// Relative width at which the search ends.
const WIDTH: f64 = 0.13;

/// Maximum number of steps.
const STEPS_MAX: usize = 14;

/// Steps of a search, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Climb {
    pub(crate) steps: Vec<Step>,
}

impl Climb {
    /// Doubles the rate until a step fails, then bisects.
    ///
    /// A failed step is repeated once, since a shared machine has bad moments.
    pub(crate) fn of(
        first: u32,
        mut take: impl FnMut(u32) -> anyhow::Result<Step>,
    ) -> anyhow::Result<Self> {
        let mut steps: Vec<Step> = Vec::new();
        let (mut held, mut failed): (Option<u32>, Option<u32>) = (None, None);
        let mut rate = first.max(1);
        let mut is_again = false;
        while steps.len() < STEPS_MAX {
            let step = take(rate)?;
            let holds = step.holds;
            steps.push(step);
            if !holds && !is_again {
                is_again = true;
                continue;
            }
            is_again = false;
            match holds {
                true => held = Some(rate),
                false => failed = Some(rate),
            }
            rate = match (held, failed) {
                (Some(held), None) => held.saturating_mul(2),
                (None, Some(failed)) if failed <= 1 => break,
                (None, Some(failed)) => failed / 2,
                (Some(held), Some(failed)) => {
                    if f64::from(failed - held) <= WIDTH * f64::from(held) {
                        break;
                    }
                    held + (failed - held) / 2
                }
                (None, None) => break,
            };
        }
        Ok(Self { steps })
    }

    /// Returns the highest step that was sustained.
    pub(crate) fn highest(&self) -> Option<&Step> {
        let held = self.steps.iter().filter(|step| step.holds);
        held.max_by_key(|step| step.rate_per_s)
    }

    /// Returns the lowest failed rate above the highest sustained one.
    pub(crate) fn failed_at(&self) -> Option<u32> {
        let highest = self.highest().map_or(0, |step| step.rate_per_s);
        let failed = self.steps.iter().filter(|step| !step.holds);
        failed
            .map(|step| step.rate_per_s)
            .filter(|rate| *rate > highest)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn climb(first: u32, capacity: u32) -> Climb {
        Climb::of(first, |rate| Ok(Step::sample(rate, rate <= capacity))).unwrap()
    }

    #[test]
    fn finds_highest_sustained_rate() {
        for (first, capacity) in [(25, 700), (25, 25), (100, 30), (25, 1_600)] {
            let climb = climb(first, capacity);
            let found = climb.highest().unwrap().rate_per_s;
            assert!(found <= capacity, "{found} of {capacity}");
            assert!(
                f64::from(found) > f64::from(capacity) / 1.14,
                "{found} of {capacity}"
            );
            assert!(climb.failed_at().unwrap() > capacity);
        }
    }

    #[test]
    fn repeats_failed_step_once() {
        let mut bad = 2;
        let climb = Climb::of(25, |rate| {
            bad -= 1;
            Ok(Step::sample(rate, rate <= 400 && bad != 0))
        });
        assert!(climb.unwrap().highest().unwrap().rate_per_s >= 360);
    }

    #[test]
    fn stops_without_sustained_rate() {
        let climb = climb(25, 0);
        assert!(climb.highest().is_none());
        assert_eq!(climb.failed_at(), Some(1));
    }
}
