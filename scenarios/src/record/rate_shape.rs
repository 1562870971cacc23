//! The rate over a log's time, in steps.

use crate::access_log::Grain;

/// The rate over a log's time, in steps of equal length.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RateFit {
    /// The requests that were counted.
    pub requests: u64,
    /// The time from the first to the end of the last, in seconds.
    pub span_s: f64,
    /// The mean rate, per second.
    pub mean_per_s: f64,
    /// The length of a step, in seconds of the log.
    pub step_s: f64,
    /// The rate in each step, as a multiple of the mean rate.
    pub steps: Vec<f64>,
    /// The highest of them.
    pub peak: f64,
    /// The variance of the counts in whole steps over their mean: 1 where requests come
    /// independently at a constant rate, more where the rate moves. `None` with fewer than two.
    pub dispersion: Option<f64>,
    /// How many minutes the log spans, counted from its first request.
    pub minutes: u64,
    /// How many of them saw a request.
    pub minutes_with_requests: u64,
    /// How many of them would have if requests came independently at the mean rate.
    pub minutes_expected: f64,
    /// How many requests came in the last, unfinished step, where it was too short to be a step.
    pub left_out: u64,
}

impl RateFit {
    /// Says whether requests come in bursts that steps are too long to show: whether they keep to less
    /// than half of the minutes that they would spread over by chance.
    pub fn is_bursty(&self) -> bool {
        (self.minutes_with_requests as f64) < 0.5 * self.minutes_expected
    }
}

/// Lengths that people use and that daily and hourly habits line up with, in seconds.
const LENGTHS: [u32; 23] = [
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400,
    21_600, 43_200, 86_400, 172_800, 604_800,
];

/// Fits steps, at most so many, to times in rising order (microseconds); `times` is not empty.
///
/// Their length is the one, among those that people use, with the least
/// `(2 * mean - variance) / length^2` of the counts: the estimate of the mean squared error by Shimazaki and
/// Shinomoto ("A method for selecting the bin size of a time histogram", 2007). So a log whose counts
/// move no more than chance moves them gets few steps, and one with a daily swell gets many.
pub(super) fn rate_fit(
    times: impl Iterator<Item = i64> + Clone,
    grain: Grain,
    most_steps: usize,
) -> RateFit {
    let first = times.clone().next().unwrap_or(0);
    let last = times.clone().last().unwrap_or(first);
    let requests = times.clone().count() as u64;
    // The last second has gone by too. With finer times, as much again as lies between two requests.
    let grain_s = match grain {
        Grain::Finer if requests > 1 && last > first => {
            (last - first) as f64 / 1e6 / (requests - 1) as f64
        }
        _ => 1.0,
    };
    let span_s = (last - first) as f64 / 1e6 + grain_s;
    let mut last_minute = None;
    let minutes_with_requests = times
        .clone()
        .filter(|at_us| {
            let minute = Some((at_us - first).div_euclid(60_000_000));
            std::mem::replace(&mut last_minute, minute) != minute
        })
        .count() as u64;
    let minutes = (span_s / 60.0).ceil().max(1.0);
    let seconds = times.map(|at_us| (at_us - first) as f64 / 1e6);
    // More steps than requests would show nothing but single requests.
    let most_steps = most_steps.min(requests as usize).max(1);
    let shortest = span_s / most_steps as f64;
    let steps = |length: f64| (span_s / length).ceil().max(1.0) as usize;
    let lengths = LENGTHS
        .into_iter()
        .map(f64::from)
        .filter(|length| *length >= shortest && *length < span_s)
        .chain([span_s])
        .chain((span_s < 1.0).then_some(shortest));
    let mut best: Option<(f64, f64, Vec<u64>)> = None;
    for length in lengths {
        let mut counts = vec![0_u64; steps(length).min(most_steps)];
        for second in seconds.clone() {
            let step = ((second / length) as usize).min(counts.len() - 1);
            counts[step] += 1;
        }
        let (mean, variance) = moments(whole(&counts, length, span_s));
        let cost = (2.0 * mean - variance) / (length * length);
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, length, counts));
        }
    }
    let (_, step_s, counts) = best.unwrap_or((0.0, span_s, vec![requests]));
    let complete = whole(&counts, step_s, span_s);
    let (mean, variance) = moments(complete);
    let dispersion = (complete.len() > 1).then(|| {
        variance / mean * {
            // The sample's variance, not the population's.
            complete.len() as f64 / (complete.len() - 1) as f64
        }
    });
    let mut rates: Vec<f64> = complete
        .iter()
        .map(|count| *count as f64 / step_s)
        .collect();
    let mut left_out = 0;
    if complete.len() < counts.len() {
        let covered = span_s - complete.len() as f64 * step_s;
        let count = counts[complete.len()];
        match covered >= step_s / 2.0 || complete.is_empty() {
            true => rates.push(count as f64 / covered),
            false => left_out = count,
        }
    }
    let mean_of_steps = rates.iter().sum::<f64>() / rates.len() as f64;
    let steps: Vec<f64> = rates.iter().map(|rate| rate / mean_of_steps).collect();
    RateFit {
        requests,
        span_s,
        mean_per_s: requests as f64 / span_s,
        step_s,
        peak: steps.iter().copied().fold(0.0, f64::max),
        steps,
        dispersion,
        minutes: minutes as u64,
        minutes_with_requests,
        minutes_expected: minutes * -(-(requests as f64) / minutes).exp_m1(),
        left_out,
    }
}

/// Returns the counts of the steps that the log covers from end to end.
fn whole(counts: &[u64], length: f64, span_s: f64) -> &[u64] {
    let whole = (span_s / length + 1e-9).floor() as usize;
    &counts[..whole.min(counts.len())]
}

/// Returns mean and (population) variance.
fn moments(counts: &[u64]) -> (f64, f64) {
    let n = counts.len().max(1) as f64;
    let mean = counts.iter().sum::<u64>() as f64 / n;
    let variance = counts
        .iter()
        .map(|count| (*count as f64 - mean).powi(2))
        .sum::<f64>()
        / n;
    (mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::stream;
    use rand::RngExt;

    fn fit(times: &[f64], most: usize) -> RateFit {
        let times = times.iter().map(|second| (second * 1e6) as i64);
        rate_fit(times, Grain::Second, most)
    }

    /// Seconds at which requests come, by a rate over time of at most 1 relative to `n`.
    fn times(n: usize, span_s: f64, rate: fn(f64) -> f64) -> Vec<f64> {
        let mut random = stream(7, "times", 0);
        let mut times = Vec::new();
        while times.len() < n {
            let at = random.random::<f64>() * span_s;
            if random.random::<f64>() < rate(at / span_s) {
                times.push(at.floor());
            }
        }
        times.sort_by(f64::total_cmp);
        times
    }

    #[test]
    fn gives_a_constant_rate_few_steps() {
        let fit = fit(&times(5000, 86_400.0, |_| 1.0), 60);
        assert!(fit.steps.len() <= 8, "{fit:?}");
        assert!(fit.peak < 1.15, "{fit:?}");
    }

    #[test]
    fn follows_a_swell() {
        let swell = |at: f64| 0.5 - 0.4 * (std::f64::consts::TAU * at).cos();
        let fit = fit(&times(20_000, 86_400.0, swell), 60);
        assert!((24..=60).contains(&fit.steps.len()), "{}", fit.steps.len());
        assert!(fit.dispersion.unwrap() > 10.0);
        for (position, step) in fit.steps.iter().enumerate() {
            let at = (position as f64 + 0.5) / fit.steps.len() as f64;
            assert!((step - swell(at) / 0.5).abs() < 0.25, "{position} {step}");
        }
        assert!((fit.steps.iter().sum::<f64>() / fit.steps.len() as f64 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn sees_bursts_that_steps_hide() {
        let spread = times(5000, 86_400.0, |_| 1.0);
        assert!(!fit(&spread, 60).is_bursty());
        // The same, but each hour's requests within its first minute.
        let bursts: Vec<f64> = spread
            .iter()
            .map(|at| at - at.rem_euclid(3600.0) + at.rem_euclid(60.0))
            .collect();
        let mut bursts = bursts;
        bursts.sort_by(f64::total_cmp);
        let fit = fit(&bursts, 60);
        // Minutes are counted from the first request, so each burst may touch two.
        assert!(
            fit.is_bursty() && fit.minutes_with_requests <= 48,
            "{fit:?}"
        );
    }

    #[test]
    fn lives_with_tiny_logs() {
        let one = fit(&[5.0], 60);
        assert_eq!(
            (one.steps.as_slice(), one.span_s, one.mean_per_s),
            ([1.0].as_slice(), 1.0, 1.0)
        );
        let two = fit(&[0.0, 1e6], 60);
        assert_eq!(two.requests, 2);
        assert!(two.steps.iter().all(|step| step.is_finite()));
        let finer = rate_fit([0, 500, 1000].into_iter(), Grain::Finer, 60);
        assert!((finer.span_s - 0.0015).abs() < 1e-9, "{finer:?}");
    }
}
