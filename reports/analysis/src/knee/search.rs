//! The search for the knee, as a machine without a clock.

use std::time::Duration;

use super::answer::{Answer, End, Hysteresis};
use super::goal::Goal;
use super::threshold::Threshold;
use super::trial::{Outcome, Trial};

/// Ratio by which a rate rises or falls while nothing else is known.
const FAR: f64 = 2.0;

/// Lowest rate that is tried, per second.
const RATE_MIN: f64 = 0.5;

/// Share of the rate answered under overload that is tried next.
const BELOW_ACHIEVED: f64 = 0.95;

/// Ratio of the ends of the estimate's central 95% from which short trials are enough.
const UNCERTAIN: f64 = 1.25;

/// Ratio from which medium trials are enough.
const HALF_CERTAIN: f64 = 1.12;

/// Probability that the knee is within a confirmed answer, by the estimate.
const HELD_MIN: f64 = 0.9;

/// Maximum number of unmeasured trials in a row at one rate. A generator has bad moments, too.
const UNMEASURED_MAX: usize = 2;

/// The next trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attempt {
    /// Rate to offer, per second.
    pub rate: f64,
    /// Time for which to offer it.
    pub duration: Duration,
}

/// A search for the knee.
#[derive(Debug, Clone)]
pub struct Search {
    goal: Goal,
    start: f64,
    rate_max: f64,
    trials: Vec<Trial>,
    /// Probable position of the knee.
    threshold: Threshold,
    elapsed: Duration,
    stopped: bool,
}

impl Search {
    /// Begins a search at the rate `start`. No rate above `rate_max` is tried. Both are per second.
    pub fn new(goal: Goal, start: f64, rate_max: f64) -> Self {
        Self {
            goal,
            start: start.clamp(RATE_MIN, rate_max.max(RATE_MIN)),
            rate_max,
            trials: Vec::new(),
            threshold: Threshold::new(RATE_MIN, rate_max.max(RATE_MIN)),
            elapsed: Duration::ZERO,
            stopped: false,
        }
    }

    /// Returns the next trial. `None` at the end of the search.
    pub fn next(&self) -> Option<Attempt> {
        self.step().ok()
    }

    /// Records the outcome of the trial that [`Search::next`] returned. `took` is its time with all pauses.
    ///
    /// Does nothing at the end of the search.
    pub fn record(&mut self, outcome: Outcome, took: Duration) {
        let Some(attempt) = self.next() else {
            return;
        };
        self.elapsed += took;
        let before = self.trials.last();
        let trial = Trial {
            rate: attempt.rate,
            duration: attempt.duration,
            after_overload: before.is_some_and(|before| !before.outcome.is_sustained()),
            outcome,
        };
        if outcome != Outcome::NotMeasured {
            self.threshold.add(&trial);
        }
        self.trials.push(trial);
    }

    /// Ends the search.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Returns the trials until now, in order.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Returns the probable position of the knee.
    pub(super) fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// Returns the ends between which the knee is likely to be, each a rate that was tried, per second.
    pub fn bracket(&self) -> (Option<f64>, Option<f64>) {
        if let Some((low, high)) = self.confirmed() {
            return (Some(low), Some(high));
        }
        let threshold = &self.threshold;
        let rates = |is_end: fn(Outcome) -> bool| {
            let trials = self
                .trials
                .iter()
                .filter(move |trial| is_end(trial.outcome));
            trials.map(|trial| trial.rate)
        };
        let highest = |limit: f64| {
            let sustained = rates(Outcome::is_sustained).filter(|rate| *rate <= limit);
            sustained.max_by(f64::total_cmp)
        };
        let lowest = |limit: f64| {
            let failed = rates(Outcome::is_failed).filter(|rate| *rate >= limit);
            failed.min_by(f64::total_cmp)
        };
        let quantile = |probability| threshold.quantile(probability);
        let median = quantile(0.5);
        // Rates below which none failed, and above which none was sustained, are ends as well.
        let unfailed = rates(Outcome::is_sustained)
            .filter(|rate| {
                *rate <= median && rates(Outcome::is_failed).all(|failed| failed > *rate)
            })
            .max_by(f64::total_cmp);
        let unsustained = rates(Outcome::is_failed)
            .filter(|rate| {
                *rate >= median && rates(Outcome::is_sustained).all(|sustained| sustained < *rate)
            })
            .min_by(f64::total_cmp);
        let better = |one: Option<f64>, other: Option<f64>, of: fn(f64, f64) -> f64| {
            one.zip(other)
                .map(|(one, other)| of(one, other))
                .or(one)
                .or(other)
        };
        (
            better(highest(quantile(0.05)), unfailed, f64::max).or_else(|| highest(median)),
            better(lowest(quantile(0.95)), unsustained, f64::min).or_else(|| lowest(median)),
        )
    }

    /// Returns the answer, at any time.
    pub fn answer(&self) -> Answer {
        let (sustained, failed) = self.bracket();
        let long = |trial: &&Trial| trial.duration >= self.goal.long;
        let passes = self.trials.iter().filter(long).filter(|trial| {
            trial.outcome.is_sustained() && sustained.is_some_and(|low| trial.rate >= low)
        });
        let failures = self.trials.iter().filter(long).filter(|trial| {
            trial.outcome.is_failed() && failed.is_some_and(|high| trial.rate <= high)
        });
        Answer {
            sustained,
            failed,
            passes: passes.count(),
            failures: failures.count(),
            end: self.step().err().unwrap_or(End::Stopped),
            hysteresis: self.hysteresis(),
            trials: self.trials.clone(),
        }
    }

    fn step(&self) -> Result<Attempt, End> {
        if self.stopped {
            return Err(End::Stopped);
        }
        if self.confirmed().is_some() {
            return Err(End::Confirmed);
        }
        let attempt = self.candidate()?;
        if self.elapsed + attempt.duration > self.goal.budget {
            return Err(End::OutOfTime);
        }
        let unmeasured = self.trials.iter().rev();
        let unmeasured = unmeasured
            .take_while(|trial| trial.outcome == Outcome::NotMeasured)
            .count();
        match unmeasured >= UNMEASURED_MAX {
            true => Err(End::Generator),
            false => Ok(attempt),
        }
    }

    fn candidate(&self) -> Result<Attempt, End> {
        let goal = &self.goal;
        let try_for = |rate: f64, duration| Attempt { rate, duration };
        // The same again.
        if let Some(last) = self.trials.last()
            && last.outcome == Outcome::NotMeasured
        {
            return Ok(try_for(last.rate, last.duration));
        }
        let threshold = &self.threshold;
        let (Some(highest), Some(lowest)) = (
            self.tried().max_by(f64::total_cmp),
            self.tried().min_by(f64::total_cmp),
        ) else {
            return Ok(try_for(self.start, goal.short));
        };
        let median = threshold.quantile(0.5);
        if median > highest {
            return match highest >= self.rate_max {
                true => Err(End::HighestRate),
                false => Ok(try_for((highest * FAR).min(self.rate_max), goal.short)),
            };
        }
        if median < lowest {
            return match lowest <= RATE_MIN {
                true => Err(End::LowestRate),
                false => Ok(try_for(self.below(lowest).max(RATE_MIN), goal.short)),
            };
        }
        let ratio = threshold.ratio_95();
        if ratio > UNCERTAIN {
            return Ok(try_for(self.hint(threshold).unwrap_or(median), goal.short));
        }
        if ratio > HALF_CERTAIN.max(1.0 + goal.width) {
            return Ok(try_for(median, goal.medium));
        }
        let half = (1.0 + 0.95 * goal.width).sqrt();
        let (low, high) = (median / half, (median * half).min(self.rate_max));
        let (passes, failures) = (self.passes(low), self.failures(high));
        Ok(match passes.cmp(&failures) {
            std::cmp::Ordering::Greater => try_for(high, goal.long),
            std::cmp::Ordering::Less => try_for(low, goal.long),
            // Low, high, high, low: both ends are tried after an overload and without one.
            std::cmp::Ordering::Equal => match passes % 2 {
                0 => try_for(low, goal.long),
                _ => try_for(high, goal.long),
            },
        })
    }

    /// Returns the rates of the measured trials.
    fn tried(&self) -> impl Iterator<Item = f64> {
        let measured = self.trials.iter();
        measured
            .filter(|trial| trial.outcome != Outcome::NotMeasured)
            .map(|trial| trial.rate)
    }

    /// Returns a rate below all tried ones.
    fn below(&self, lowest: f64) -> f64 {
        let far = lowest / FAR;
        match self.achieved() {
            Some(achieved) if achieved < lowest => (BELOW_ACHIEVED * achieved).max(far / FAR),
            _ => far,
        }
    }

    /// Returns a rate just below the one that an overloaded service answered, if it is a likely one.
    fn hint(&self, threshold: &Threshold) -> Option<f64> {
        let rate = BELOW_ACHIEVED * self.achieved()?;
        let is_likely = threshold.quantile(0.05) < rate && rate < threshold.quantile(0.95);
        let is_new = self.tried().all(|tried| (tried / rate).ln().abs() > 0.02);
        (is_likely && is_new).then_some(rate)
    }

    /// Returns the rate answered in the last trial that offered more.
    fn achieved(&self) -> Option<f64> {
        self.trials
            .iter()
            .rev()
            .find_map(|trial| match trial.outcome {
                Outcome::NotSustained { achieved } if achieved < 0.97 * trial.rate => {
                    Some(achieved)
                }
                _ => None,
            })
    }

    /// Returns the pair of confirmed ends that most likely holds the knee, if there is one as close as asked for.
    fn confirmed(&self) -> Option<(f64, f64)> {
        let needed = self.goal.confirmations;
        let is_low =
            |rate: f64| self.passes(rate) >= needed && self.passes(rate) > 2 * self.failures(rate);
        let is_high = |rate: f64| {
            self.failures(rate) >= needed && self.failures(rate) > 2 * self.passes(rate)
        };
        let rates = |is_end: &dyn Fn(f64) -> bool| -> Vec<f64> {
            let rates = self.long_trials().map(|trial| trial.rate);
            rates.filter(|rate| is_end(*rate)).collect()
        };
        let highs = rates(&is_high);
        let pairs = rates(&is_low).into_iter().flat_map(|low| {
            let close = highs
                .iter()
                .filter(move |high| **high > low && *high / low <= 1.0 + self.goal.width);
            close.map(move |high| (low, *high))
        });
        let held = pairs.map(|(low, high)| (low, high, self.threshold.between(low, high)));
        let (low, high, held) = held.max_by(|a, b| a.2.total_cmp(&b.2))?;
        (held >= HELD_MIN).then_some((low, high))
    }

    /// Counts long trials at a rate or above that were sustained.
    fn passes(&self, rate: f64) -> usize {
        self.long_trials()
            .filter(|trial| trial.outcome.is_sustained() && trial.rate >= rate)
            .count()
    }

    /// Counts long trials at a rate or below that were not.
    fn failures(&self, rate: f64) -> usize {
        self.long_trials()
            .filter(|trial| trial.outcome.is_failed() && trial.rate <= rate)
            .count()
    }

    fn long_trials(&self) -> impl Iterator<Item = &Trial> {
        let trials = self.trials.iter();
        trials.filter(|trial| trial.duration >= self.goal.long)
    }

    /// Returns a rate that was sustained, while the same rate or a lower one was not when it followed an overload, twice.
    fn hysteresis(&self) -> Option<Hysteresis> {
        let after = |overload: bool, is_end: fn(Outcome) -> bool| {
            let trials = self.trials.iter();
            trials
                .filter(move |trial| trial.after_overload == overload && is_end(trial.outcome))
                .map(|trial| trial.rate)
        };
        let from_below = after(false, Outcome::is_sustained).max_by(f64::total_cmp)?;
        let is_overloaded = |outcome| matches!(outcome, Outcome::NotSustained { .. });
        let mut from_above: Vec<f64> = after(true, is_overloaded)
            .filter(|rate| *rate <= from_below)
            .collect();
        from_above.sort_by(f64::total_cmp);
        let failed = *from_above.first().filter(|_| from_above.len() > 1)?;
        let withstood = after(true, Outcome::is_sustained).any(|rate| rate >= failed);
        (!withstood).then_some(Hysteresis {
            sustained_from_below: from_below,
            failed_from_above: failed,
        })
    }
}
