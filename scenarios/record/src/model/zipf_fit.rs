//! Fit of Zipf's law to the requests per key.

use tenfold_scenarios::stream;

use super::rank_fit::{EXPONENT_MAX, RankFit, RankLogs, rank_fit};
use super::zipf_law::{Law, likely_keys};

/// Zipf's law fitted to a log's keys: the key of rank `r` is requested in proportion to
/// `1 / r^exponent`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ZipfFit {
    /// Number of requests.
    pub requests: u64,
    /// Number of different keys.
    pub distinct: u64,
    /// Exponent, corrected for observed ranks and unseen keys.
    pub exponent: f64,
    /// Standard error of the exponent.
    pub standard_error: f64,
    /// Lower end of its 95% interval.
    pub low: f64,
    /// Upper end of its 95% interval.
    pub high: f64,
    /// Maximum-likelihood exponent without the corrections.
    pub exponent_as_ranked: f64,
    /// Estimated number of keys, including those not seen.
    pub keys: u64,
    /// True if `keys` is only a lower bound, because the log shows no limit to new keys.
    pub keys_unbounded: bool,
    /// Kolmogorov-Smirnov statistic of the uncorrected fit: the maximum distance between the cumulative
    /// shares of the log's ranks and of the law, from 0 to 1.
    pub ks_distance: f64,
    /// Share of replicates from the fitted law that deviate at least as much from their own fit.
    pub p_value: f64,
    /// Number of replicates.
    pub replicates: u32,
    /// Verdict of the p-value.
    pub fit: Fit,
}

/// Goodness of fit of Zipf's law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The keys deviate from the law no more than by chance.
    Good,
    /// The keys deviate more: the law is only a summary.
    Poor,
}

/// Clauset, Shalizi and Newman (2009, section 4.1) rule a law out if p is at most 0.1.
const P_RULED_OUT_MAX: f64 = 0.1;
/// Minimum number of requests for a fit.
const REQUESTS_MIN: u64 = 50;
const KEYS_MIN: usize = 5;
/// Maximum number of draws for a fit, which takes a few seconds.
const DRAWS_MAX: f64 = 4e7;

/// Fit of one replicate.
#[derive(Debug, Clone, Copy)]
struct Replicate {
    ranked: RankFit,
    distinct: f64,
}

/// Fits Zipf's law to the number of requests per key; `None` with fewer than 50 requests or 5 keys.
///
/// Two biases need correction. Ranks are observed in the sample itself, which raises the
/// maximum-likelihood exponent (on such errors see Piantadosi, "Zipf's word frequency law in natural
/// language", 2014); unseen keys lower it. Indirect inference (Gourieroux, Monfort and Renault, 1993)
/// corrects both: it finds the law whose samples, ranked by themselves, have on average the log's
/// exponent and number of distinct keys. The standard error is the spread of these samples (delta
/// method). The p-value is from the parametric bootstrap of Clauset, Shalizi and Newman (2009), where
/// each sample is fitted again before its distance is measured.
///
/// Assumes that requests are independent. The result depends only on counts and seed.
pub(super) fn zipf_fit(counts: &[u64], replicates: u32, seed: u64) -> Option<ZipfFit> {
    let mut counts: Vec<u64> = counts.iter().copied().filter(|count| *count > 0).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let requests: u64 = counts.iter().sum();
    let distinct = counts.len();
    if requests < REQUESTS_MIN || distinct < KEYS_MIN {
        return None;
    }
    let mut logs = RankLogs::default();
    let found = rank_fit(&counts, 1.0, &mut logs);
    let cost = (requests as f64).min(12.0 * distinct as f64).max(500.0);
    let replicates = (DRAWS_MAX / 5.0 / cost).clamp(20.0, f64::from(replicates.max(20))) as u32;
    let mut sample = |law: Law, many: u32| -> Vec<Replicate> {
        let one = |index| replicate(law, requests, found.exponent, seed, index, &mut logs);
        (0..u64::from(many)).map(one).collect()
    };

    let keys_for = |exponent: f64| likely_keys(exponent, distinct as u64, requests);
    let search = (replicates / 4).max(10);
    let mut miss = |exponent: f64| {
        let law = Law {
            exponent,
            keys: keys_for(exponent).0,
        };
        mean(&sample(law, search), exponent_of) - found.exponent
    };
    let exponent = root(&mut miss, found.exponent, 0.02 / (requests as f64).sqrt());
    let (keys, keys_unbounded) = keys_for(exponent);
    let law = Law { exponent, keys };

    let made = sample(law, replicates);
    // Derivatives of both statistics by the two parameters.
    let step = 0.1;
    let steeper = sample(
        Law {
            exponent: exponent + step,
            keys,
        },
        search,
    );
    let more_keys = ((keys as f64 * (1.0 + 2.0 * step)).ceil() as u64).max(keys + 1);
    let wider = sample(
        Law {
            exponent,
            keys: more_keys,
        },
        search,
    );
    let near = &made[..search as usize];
    let by_keys = (more_keys as f64 / keys as f64).ln();
    let slope = |moved: &[Replicate], of: fn(&Replicate) -> f64, by: f64| {
        (mean(moved, of) - mean(near, of)) / by
    };
    let (ds, dn) = (
        slope(&steeper, exponent_of, step),
        slope(&wider, exponent_of, by_keys),
    );
    let (ks, kn) = (
        slope(&steeper, distinct_of, step),
        slope(&wider, distinct_of, by_keys),
    );
    let determinant = ds * kn - dn * ks;
    let (mean_exponent, mean_distinct) = (mean(&made, exponent_of), mean(&made, distinct_of));
    let spread = made.iter().map(|one| {
        let (a, b) = (
            one.ranked.exponent - mean_exponent,
            one.distinct - mean_distinct,
        );
        // If nearly all keys were seen, or their number makes no difference, only the exponent is
        // fitted.
        let moved = if keys_unbounded || kn.abs() < 1.0 {
            a / ds
        } else {
            (kn * a - dn * b) / determinant
        };
        moved * moved
    });
    let variance = spread.sum::<f64>() / f64::from(replicates - 1);
    // The mean found by the search has a sampling error of its own.
    let standard_error = (variance * (1.0 + 1.0 / f64::from(search))).sqrt();
    let farther = made
        .iter()
        .filter(|one| one.ranked.distance >= found.distance)
        .count();
    let p_value = (farther as f64 + 1.0) / (f64::from(replicates) + 1.0);
    Some(ZipfFit {
        requests,
        distinct: distinct as u64,
        exponent,
        standard_error,
        low: (exponent - 1.96 * standard_error).max(0.0),
        high: exponent + 1.96 * standard_error,
        exponent_as_ranked: found.exponent,
        keys,
        keys_unbounded,
        ks_distance: found.distance,
        p_value,
        replicates,
        fit: if p_value > P_RULED_OUT_MAX {
            Fit::Good
        } else {
            Fit::Poor
        },
    })
}

fn exponent_of(replicate: &Replicate) -> f64 {
    replicate.ranked.exponent
}

fn distinct_of(replicate: &Replicate) -> f64 {
    replicate.distinct
}

fn mean(replicates: &[Replicate], of: fn(&Replicate) -> f64) -> f64 {
    replicates.iter().map(of).sum::<f64>() / replicates.len() as f64
}

/// Finds the zero of an increasing function by the secant method, from a start at which its slope is
/// about 1.
fn root(function: &mut impl FnMut(f64) -> f64, start: f64, tolerance: f64) -> f64 {
    let (mut at, mut value, mut slope) = (start, function(start), 1.0_f64);
    for _ in 0..8 {
        let next = (at - value / slope).clamp(0.0, EXPONENT_MAX);
        if value.abs() < tolerance || next == at {
            break;
        }
        let next_value = function(next);
        slope = ((next_value - value) / (next - at)).clamp(0.3, 3.0);
        (at, value) = (next, next_value);
    }
    at
}

/// Draws a sample of `requests` requests, and fits it like the real one.
fn replicate(
    law: Law,
    requests: u64,
    start: f64,
    seed: u64,
    index: u64,
    logs: &mut RankLogs,
) -> Replicate {
    // All laws use the same stream, so that they differ by their parameters only.
    let counts = law.counts(requests, &mut stream(seed, "zipf fit", index));
    let ranked = rank_fit(&counts, start, logs);
    Replicate {
        ranked,
        distinct: counts.len() as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns fits to samples of a known law, one per seed.
    fn fits(exponent: f64, keys: u64, requests: u64, seeds: u64) -> Vec<ZipfFit> {
        let law = Law { exponent, keys };
        let fit = |seed| {
            let counts = law.counts(requests, &mut stream(seed, "known law", 0));
            zipf_fit(&counts, 40, seed).unwrap()
        };
        (0..seeds).map(fit).collect()
    }

    #[test]
    fn recovers_known_exponents_within_their_intervals() {
        for exponent in [0.6, 0.99, 1.3] {
            let fits = fits(exponent, 400, 3000, 40);
            let inside = fits
                .iter()
                .filter(|fit| (fit.low..=fit.high).contains(&exponent))
                .count();
            let mean = fits.iter().map(|fit| fit.exponent).sum::<f64>() / 40.0;
            let error = fits.iter().map(|fit| fit.standard_error).sum::<f64>() / 40.0;
            eprintln!(
                "{exponent}: {inside} of 40 inside, mean {mean:.4}, error {error:.4}, {:?}",
                fits[0]
            );
            // 95% of 40 are 38; 33 or fewer has a probability of 0.3%. With 150 seeds of other streams,
            // 142, 141 and 142 were inside.
            assert!(inside >= 34, "{exponent}: {inside} of 40");
            assert!(
                (mean - exponent).abs() < 3.0 * error / 40_f64.sqrt() + 0.005,
                "{exponent}: {mean}"
            );
        }
    }

    #[test]
    fn p_values_are_uniform_under_the_law() {
        let mut values: Vec<f64> = fits(0.9, 200, 2000, 60)
            .iter()
            .map(|fit| fit.p_value)
            .collect();
        values.sort_by(f64::total_cmp);
        let distance = (0..60)
            .map(|i| (values[i] - (i as f64 + 0.5) / 60.0).abs() + 0.5 / 60.0)
            .fold(0.0, f64::max);
        // 1% critical value of the Kolmogorov-Smirnov statistic: 1.63 / sqrt(n).
        assert!(distance < 1.63 / 60_f64.sqrt(), "{distance}");
    }

    #[test]
    fn rules_out_other_distributions() {
        // Ten hot keys and a long tail of equal ones.
        let counts: Vec<u64> = std::iter::repeat_n(300, 10)
            .chain(std::iter::repeat_n(5, 400))
            .collect();
        let fit = zipf_fit(&counts, 100, 1).unwrap();
        assert_eq!(fit.fit, Fit::Poor);
        assert!(fit.p_value < 0.02 && fit.ks_distance > 0.1, "{fit:?}");
    }

    #[test]
    fn handles_extreme_counts() {
        assert_eq!(zipf_fit(&[], 40, 1), None);
        assert_eq!(zipf_fit(&[1000], 40, 1), None);
        let once = zipf_fit(&[1; 200], 40, 1).unwrap();
        assert!(once.exponent < 0.2 && once.keys_unbounded, "{once:?}");
        let steep = zipf_fit(&[100_000, 10, 1, 1, 1], 40, 1).unwrap();
        assert!(
            steep.exponent > 2.0 && steep.standard_error.is_finite(),
            "{steep:?}"
        );
        let equal = zipf_fit(&[1000; 50], 40, 1).unwrap();
        assert!(equal.exponent < 0.1, "{equal:?}");
    }
}
