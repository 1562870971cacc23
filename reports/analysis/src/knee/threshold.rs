//! Probable position of the knee, after some trials.

use std::collections::BTreeMap;

use super::trial::{Outcome, Trial};

/// Distance between the rates considered, as a ratio less one.
const STEP: f64 = 0.002;

/// Considered spreads of the rate at which a trial of [`LONG_S`] stops being sustained, as ratios less one. In simulated
/// queues it is 0.5% with fixed service times, and 2.5% with exponential ones and an objective on the p99.
const SPREADS: [f64; 5] = [0.004, 0.008, 0.016, 0.032, 0.064];

/// Prior probabilities of the spreads.
const SPREAD_PRIORS: [f64; 5] = [0.35, 0.35, 0.2, 0.08, 0.02];

/// Duration of the trial that [`SPREADS`] are of, in seconds. The spread falls with the root of the duration.
const LONG_S: f64 = 15.0;

/// Probability that a trial fails although the rate is far below the knee: a shared machine has bad moments.
const BAD_MOMENT: f64 = 0.05;

/// Probability that a trial is sustained although the rate is far above the knee.
const LUCKY: f64 = 0.01;

/// Weight of a trial relative to that of the one after it. Services warm up, and capacities drift.
const FORGETTING: f64 = 0.95;

/// Ratio of the highest considered rate to the highest that may be tried, and of the lowest that may be tried to the lowest
/// considered one.
const BEYOND: f64 = 4.0;

/// Probability of a step below which it does not count in a ratio: all steps together add up to less than 0.01%.
const NEGLIGIBLE: f64 = 1e-8;

/// Probability of each rate to be the knee: a Bayesian estimate with an even prior for the logarithm of the rate and one for the
/// spread, as in adaptive psychometric methods (Watson and Pelli, QUEST, 1983).
#[derive(Debug, Clone)]
pub(super) struct Threshold {
    /// Logarithm of the lowest considered rate.
    start: f64,
    /// Logarithms of the likelihoods, one row for each step up from `start`, with a column for each spread.
    logs: Vec<[f64; SPREADS.len()]>,
    /// Probabilities of the steps. They add up to 1.
    probabilities: Vec<f64>,
}

impl Threshold {
    /// Returns the estimate before the first trial. No rate below `rate_min` or above `rate_max` is tried.
    pub(super) fn new(rate_min: f64, rate_max: f64) -> Self {
        let start = (rate_min / BEYOND).ln();
        let end = (rate_max * BEYOND).ln();
        let steps = ((end - start) / STEP).ceil().max(1.0) as usize + 1;
        Self {
            start,
            logs: vec![[0.0; SPREADS.len()]; steps],
            probabilities: vec![1.0 / steps as f64; steps],
        }
    }

    /// Takes a measured trial into account.
    pub(super) fn add(&mut self, trial: &Trial) {
        let start = self.start;
        for (step, logs) in self.logs.iter_mut().enumerate() {
            let knee = start + step as f64 * STEP;
            for (log, spread) in logs.iter_mut().zip(SPREADS) {
                *log = FORGETTING * *log + log_likelihood(trial, knee, spread);
            }
        }
        let all = self.logs.iter().flatten();
        let most = all.copied().fold(f64::NEG_INFINITY, f64::max);
        let of_step = |logs: &[f64; SPREADS.len()]| -> f64 {
            let spreads = logs.iter().zip(SPREAD_PRIORS);
            spreads.map(|(log, prior)| prior * (log - most).exp()).sum()
        };
        self.probabilities = self.logs.iter().map(of_step).collect();
        let sum: f64 = self.probabilities.iter().sum();
        self.probabilities.iter_mut().for_each(|own| *own /= sum);
    }

    /// Returns the rate below which the knee is with a probability.
    pub(super) fn quantile(&self, probability: f64) -> f64 {
        let mut sum = 0.0;
        let step = self.probabilities.iter().position(|own| {
            sum += own;
            sum >= probability
        });
        let step = step.unwrap_or(self.probabilities.len() - 1);
        (self.start + step as f64 * STEP).exp()
    }

    /// Returns the probability that the knee is between two rates.
    pub(super) fn between(&self, low: f64, high: f64) -> f64 {
        let steps = self.probabilities.iter().enumerate();
        let within = steps.filter(|(step, _)| {
            let rate = (self.start + *step as f64 * STEP).exp();
            low <= rate && rate < high
        });
        within.map(|(_, probability)| probability).sum()
    }

    /// Returns the logarithms of the ratios that this knee may have to that of `other`, from the lowest, each with its probability.
    /// Improbable ones are left out. Both estimates have the same limits.
    pub(super) fn less(&self, other: &Self) -> Vec<(f64, f64)> {
        let probable = |own: &Self| -> Vec<(usize, f64)> {
            let steps = own.probabilities.iter().copied().enumerate();
            steps.filter(|(_, own)| *own > NEGLIGIBLE).collect()
        };
        let (own, others) = (probable(self), probable(other));
        let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
        for (step, probability) in own {
            for (other, its) in &others {
                *sums.entry(step as i64 - *other as i64).or_default() += probability * its;
            }
        }
        let sums = sums.into_iter();
        sums.map(|(steps, sum)| (steps as f64 * STEP, sum))
            .collect()
    }

    /// Returns the ratio of the ends of the central 95%.
    pub(super) fn ratio_95(&self) -> f64 {
        self.quantile(0.975) / self.quantile(0.025)
    }
}

/// Logarithm of the probability of an outcome if the knee is at the rate with the logarithm `knee`.
fn log_likelihood(trial: &Trial, knee: f64, long_spread: f64) -> f64 {
    let spread = long_spread * (LONG_S / trial.duration.as_secs_f64().max(0.1)).sqrt();
    let logistic = 1.0 / (1.0 + ((trial.rate.ln() - knee) / (0.55 * spread)).exp());
    let sustained = LUCKY + (1.0 - LUCKY - BAD_MOMENT) * logistic;
    let probability = match trial.outcome {
        Outcome::Sustained => sustained,
        // Close to the knee, both are as likely. A long trial is undecided because the rate is not sustained for certain.
        Outcome::Undecided if trial.duration.as_secs_f64() < LONG_S => {
            4.0 * sustained * (1.0 - sustained)
        }
        Outcome::NotSustained { .. } | Outcome::Undecided => 1.0 - sustained,
        Outcome::NotMeasured => 1.0,
    };
    probability.ln()
}
