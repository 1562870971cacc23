//! Rate over time, in steps.

use crate::format::log_time::Grain;

/// Rate over the time of a log, in steps of equal length.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RateFit {
    /// Number of requests.
    pub requests: u64,
    /// Time from the first request to the end of the last, in seconds.
    pub span_s: f64,
    /// Mean rate, per second.
    pub mean_per_s: f64,
    /// Length of a step, in seconds of the log.
    pub step_s: f64,
    /// Rate in each step, as a multiple of the mean rate.
    pub steps: Vec<f64>,
    /// Highest of the steps.
    pub peak: f64,
    /// Variance-to-mean ratio of the counts in complete steps: 1 if requests arrive independently at a
    /// constant rate, more if the rate varies. `None` with fewer than two complete steps.
    pub dispersion: Option<f64>,
    /// Number of minutes in the log, counted from its first request.
    pub minutes: u64,
    /// Number of minutes with a request.
    pub minutes_with_requests: u64,
    /// Expected number of minutes with a request if requests arrived independently at the mean rate.
    pub minutes_expected: f64,
    /// Number of requests left out because the last step is incomplete.
    pub left_out: u64,
}

impl RateFit {
    /// Returns whether requests come in bursts that the steps are too long to show: they fall into less
    /// than half of the expected minutes.
    pub fn is_bursty(&self) -> bool {
        (self.minutes_with_requests as f64) < 0.5 * self.minutes_expected
    }
}

/// Candidate lengths in seconds, which align with minutes, hours and days.
const LENGTHS: [u32; 23] = [
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400,
    21_600, 43_200, 86_400, 172_800, 604_800,
];

/// Fits at most `steps_max` steps to times in ascending order (microseconds); `times` is not empty.
///
/// Chooses the candidate length that minimizes `(2 * mean - variance) / length^2` of the counts, the
/// estimate of the mean squared error by Shimazaki and Shinomoto ("A method for selecting the bin size
/// of a time histogram", 2007). A log whose counts only show noise gets few steps; one with a daily
/// swell gets many.
pub(super) fn rate_fit(
    times: impl Iterator<Item = i64> + Clone,
    grain: Grain,
    steps_max: usize,
) -> RateFit {
    let first = times.clone().next().unwrap_or(0);
    let last = times.clone().last().unwrap_or(first);
    let requests = times.clone().count() as u64;
    // The last request ends with its second; with finer times, after one mean interval.
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
    // More steps than requests would only show single requests.
    let steps_max = steps_max.min(requests as usize).max(1);
    let shortest = span_s / steps_max as f64;
    let steps = |length: f64| (span_s / length).ceil().max(1.0) as usize;
    let lengths = LENGTHS
        .into_iter()
        .map(f64::from)
        .filter(|length| *length >= shortest && *length < span_s)
        .chain([span_s])
        .chain((span_s < 1.0).then_some(shortest));
    let mut best: Option<(f64, f64, Vec<u64>)> = None;
    for length in lengths {
        let mut counts = vec![0_u64; steps(length).min(steps_max)];
        for second in seconds.clone() {
            let step = ((second / length) as usize).min(counts.len() - 1);
            counts[step] += 1;
        }
        let (mean, variance) = moments(complete_steps(&counts, length, span_s));
        let cost = (2.0 * mean - variance) / (length * length);
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, length, counts));
        }
    }
    let (_, step_s, counts) = best.unwrap_or((0.0, span_s, vec![requests]));
    let complete = complete_steps(&counts, step_s, span_s);
    let (mean, variance) = moments(complete);
    let dispersion = (complete.len() > 1).then(|| {
        variance / mean * {
            // Sample variance, not population variance.
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

/// Returns the counts of complete steps.
fn complete_steps(counts: &[u64], length: f64, span_s: f64) -> &[u64] {
    let complete_steps = (span_s / length + 1e-9).floor() as usize;
    &counts[..complete_steps.min(counts.len())]
}

/// Returns mean and population variance.
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
    use rand::RngExt;
    use tenfold_scenarios::stream;

    fn fit(times: &[f64], steps_max: usize) -> RateFit {
        let times = times.iter().map(|second| (second * 1e6) as i64);
        rate_fit(times, Grain::Second, steps_max)
    }

    /// Returns times of requests for a rate, at most 1, over the relative time.
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
    fn fits_few_steps_to_a_constant_rate() {
        let fit = fit(&times(5000, 86_400.0, |_| 1.0), 60);
        assert!(fit.steps.len() <= 8, "{fit:?}");
        assert!(fit.peak < 1.15, "{fit:?}");
    }

    #[test]
    fn fits_a_daily_swell() {
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
    fn detects_bursts_within_steps() {
        let spread = times(5000, 86_400.0, |_| 1.0);
        assert!(!fit(&spread, 60).is_bursty());
        // The same requests, but all within the first minute of each hour.
        let bursts: Vec<f64> = spread
            .iter()
            .map(|at| at - at.rem_euclid(3600.0) + at.rem_euclid(60.0))
            .collect();
        let mut bursts = bursts;
        bursts.sort_by(f64::total_cmp);
        let fit = fit(&bursts, 60);
        // Minutes are counted from the first request, so each burst may span two.
        assert!(
            fit.is_bursty() && fit.minutes_with_requests <= 48,
            "{fit:?}"
        );
    }

    #[test]
    fn handles_tiny_logs() {
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
