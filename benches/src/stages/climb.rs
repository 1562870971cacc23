//! The search for the highest rate that a stage carries.

use serde::Serialize;

use super::step::Step;

/// The rate is narrowed down to this share of itself.
const NARROW: f64 = 0.13;

/// Steps that are taken at most, whatever they show.
const STEPS_MOST: usize = 14;

/// The steps of a search, in the order in which they were taken.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Climb {
    pub(crate) steps: Vec<Step>,
}

impl Climb {
    /// Doubles the rate until a step fails, then halves the distance to the last that held.
    ///
    /// One that fails is tried once more, for a machine that others share has bad moments.
    pub(crate) fn of(
        first: u32,
        mut take: impl FnMut(u32) -> anyhow::Result<Step>,
    ) -> anyhow::Result<Self> {
        let mut steps: Vec<Step> = Vec::new();
        let (mut held, mut failed): (Option<u32>, Option<u32>) = (None, None);
        let mut rate = first.max(1);
        let mut is_again = false;
        while steps.len() < STEPS_MOST {
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
                    if f64::from(failed - held) <= NARROW * f64::from(held) {
                        break;
                    }
                    held + (failed - held) / 2
                }
                (None, None) => break,
            };
        }
        Ok(Self { steps })
    }

    /// The highest step that held.
    pub(crate) fn highest(&self) -> Option<&Step> {
        let held = self.steps.iter().filter(|step| step.holds);
        held.max_by_key(|step| step.rate_per_s)
    }

    /// The lowest rate that failed, of those above the highest that held.
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
    fn the_highest_rate_that_holds_is_found() {
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
    fn a_bad_moment_is_not_the_end() {
        let mut bad = 2;
        let climb = Climb::of(25, |rate| {
            bad -= 1;
            Ok(Step::sample(rate, rate <= 400 && bad != 0))
        });
        assert!(climb.unwrap().highest().unwrap().rate_per_s >= 360);
    }

    #[test]
    fn one_that_carries_nothing_ends() {
        let climb = climb(25, 0);
        assert!(climb.highest().is_none());
        assert_eq!(climb.failed_at(), Some(1));
    }
}
