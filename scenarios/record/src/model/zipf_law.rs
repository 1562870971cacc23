//! Samples from Zipf's law.

use rand::RngExt;
use rand_distr::{Binomial, Distribution, Zipf};
use tenfold_scenarios::Stream;
use tenfold_scenarios::harmonic;

/// Zipf's law with its parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Law {
    pub(super) exponent: f64,
    pub(super) keys: u64,
}

/// Maximum ratio of keys to keys seen.
const KEYS_PER_SEEN_MAX: f64 = 100.0;

impl Law {
    /// Draws `requests` requests, and returns the counts of the keys hit, in descending order.
    pub(super) fn counts(self, requests: u64, random: &mut Stream) -> Vec<u64> {
        let mut counts = match requests <= 12 * self.keys {
            true => self.drawn_by_request(requests, random),
            false => self.drawn_by_key(requests, random),
        };
        counts.retain(|count| *count > 0);
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    }

    /// Draws each request.
    fn drawn_by_request(self, requests: u64, random: &mut Stream) -> Vec<u64> {
        let Ok(law) = Zipf::new(self.keys as f64, self.exponent) else {
            return Vec::new();
        };
        let mut ranks: Vec<u64> = (0..requests).map(|_| random.sample(law) as u64).collect();
        ranks.sort_unstable();
        ranks
            .chunk_by(|a, b| a == b)
            .map(|same| same.len() as u64)
            .collect()
    }

    /// Draws the count of each key, binomial in the remaining requests. Faster than drawing requests if
    /// keys get many each.
    fn drawn_by_key(self, requests: u64, random: &mut Stream) -> Vec<u64> {
        let weight = |rank: u64| ((rank + 1) as f64).powf(-self.exponent);
        let mut mass = harmonic(self.keys, self.exponent);
        let mut left = requests;
        let mut counts = Vec::with_capacity(self.keys as usize);
        for rank in 0..self.keys {
            let share = match rank + 1 == self.keys {
                true => 1.0,
                false => (weight(rank) / mass).clamp(0.0, 1.0),
            };
            let count = Binomial::new(left, share).map_or(0, |law| law.sample(random));
            counts.push(count);
            left -= count;
            mass -= weight(rank);
            if left == 0 {
                break;
            }
        }
        counts
    }
}

/// Returns the number of keys for which `requests` requests hit `distinct` different ones on average,
/// and whether the search ended at its bound.
pub(super) fn likely_keys(exponent: f64, distinct: u64, requests: u64) -> (u64, bool) {
    let most = (distinct as f64 * KEYS_PER_SEEN_MAX) as u64;
    let wanted = distinct as f64;
    let (mut low, mut high) = (distinct, most);
    if expected_distinct(exponent, high, requests) < wanted {
        return (most, true);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match expected_distinct(exponent, middle, requests) < wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    // The nearer of the two.
    let (below, above) = (
        expected_distinct(exponent, low, requests),
        expected_distinct(exponent, high, requests),
    );
    (
        if wanted - below <= above - wanted {
            low
        } else {
            high
        },
        false,
    )
}

/// Returns the expected number of different keys, `sum(1 - (1 - p_r)^n)`.
///
/// The first thousand ranks are summed one by one, the others in blocks of 1% of their rank.
fn expected_distinct(exponent: f64, keys: u64, requests: u64) -> f64 {
    let sum = harmonic(keys, exponent);
    let met = |rank: f64| -(requests as f64 * (-(rank.powf(-exponent) / sum)).ln_1p()).exp_m1();
    let mut expected = 0.0;
    let mut rank = 1;
    while rank <= keys {
        let block = (rank / 100).clamp(1, keys - rank + 1);
        let block = if rank <= 1000 { 1 } else { block };
        expected += block as f64 * met(rank as f64 + (block - 1) as f64 / 2.0);
        rank += block;
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenfold_scenarios::stream;

    #[test]
    fn expected_keys_match_the_plain_sum() {
        for (exponent, keys, requests) in
            [(0.0, 500, 1000), (0.9, 50_000, 20_000), (1.3, 9_000, 5_000)]
        {
            let sum: f64 = (1..=keys).map(|r| (r as f64).powf(-exponent)).sum();
            let plain: f64 = (1..=keys)
                .map(|r| 1.0 - (1.0 - (r as f64).powf(-exponent) / sum).powi(requests as i32))
                .sum();
            let quick = expected_distinct(exponent, keys, requests);
            assert!((plain - quick).abs() < 1e-4 * plain, "{plain} {quick}");
        }
        // Equal probabilities: N (1 - (1 - 1/N)^n).
        let closed = 300.0 * (1.0 - (1.0 - 1.0 / 300.0_f64).powi(400));
        assert!((expected_distinct(0.0, 300, 400) - closed).abs() < 1e-9);
        assert_eq!(likely_keys(0.0, closed.round() as u64, 400), (300, false));
    }

    #[test]
    fn both_sampling_methods_agree() {
        let law = Law {
            exponent: 0.9,
            keys: 40,
        };
        let mean_top = |draw: fn(Law, u64, &mut Stream) -> Vec<u64>| {
            let of = |index| draw(law, 2000, &mut stream(1, "test", index))[0] as f64;
            (0..200).map(of).sum::<f64>() / 200.0
        };
        let theory = 2000.0 / harmonic(40, 0.9);
        for mean in [mean_top(Law::drawn_by_request), mean_top(Law::drawn_by_key)] {
            // One count has a standard deviation of about 20, a mean of 200 of 1.4.
            assert!((mean - theory).abs() < 6.0, "{mean} {theory}");
        }
    }
}
