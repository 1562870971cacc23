//! Slow requests come in clusters: how much less a trial knows than as many independent requests would.

use tenfold_stats::serial_inflation;

/// Slow and all answers of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowShare {
    /// Answers that took longer than the limit.
    pub slow: u64,
    /// All answers.
    pub all: u64,
}

/// Returns the factor by which clusters inflate the variance of the share of slow answers; at least 1.
///
/// The variance of the mean over seconds, corrected for the correlation of neighbours, divided by that of independent answers
/// (the design effect; Kish, Survey Sampling, 1965, section 5.4).
pub fn clustering(seconds: &[SlowShare]) -> f64 {
    let all: u64 = seconds.iter().map(|own| own.all).sum();
    let slow: u64 = seconds.iter().map(|own| own.slow).sum();
    let count = seconds.len() as f64;
    if slow == 0 || slow == all || seconds.len() < 2 {
        return 1.0;
    }
    let share = slow as f64 / all as f64;
    // A ratio of sums, because seconds have different numbers of answers.
    let deviations = seconds
        .iter()
        .map(|own| (own.slow as f64 - share * own.all as f64).powi(2));
    let variance = deviations.sum::<f64>() * count / (count - 1.0) / (all as f64).powi(2);
    let shares: Vec<f64> = seconds
        .iter()
        .map(|own| own.slow as f64 / own.all.max(1) as f64)
        .collect();
    let independent = share * (1.0 - share) / all as f64;
    (variance * serial_inflation(&shares) / independent).max(1.0)
}

/// Widens the interval of a percentile for clusters that inflate the variance by a factor.
pub fn widened(measured: f64, [low, high]: [f64; 2], factor: f64) -> [f64; 2] {
    if !(measured > 0.0 && low > 0.0) {
        return [low, high];
    }
    let widen = |end: f64| measured * (end / measured).powf(factor.sqrt());
    [widen(low), widen(high)]
}
