//! How often a cache has what is asked for, by theory.

/// How long what was put in stays, and how much there is room for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CacheModel {
    /// How long a thing is kept once it was put in, in seconds; it is not kept longer for being asked for.
    pub(crate) ttl_s: f64,
    /// How many things there is room for, the least recently used going first.
    pub(crate) room: f64,
}

/// The share of requests that a cache has the answer to, where things are asked for independently at these rates
/// (1/s).
///
/// A thing is in a cache that keeps the most recently used if it was asked for within the characteristic time T, where
/// the sum over all things of 1 - exp(-rate T) is the room (Che, Tung and Wang, "Hierarchical Web caching systems", IEEE
/// JSAC 20(7), 2002), so that it is found there with the probability 1 - exp(-rate T). Where things expire before they
/// would be displaced, a thing is found with the probability rate ttl / (1 + rate ttl), the share of requests in a
/// renewal that come after the one that put it in (Jung, Berger and Balakrishnan, INFOCOM 2003).
pub(crate) fn hit_rate(rates: &[f64], model: CacheModel) -> f64 {
    let all: f64 = rates.iter().sum();
    if all <= 0.0 {
        return 0.0;
    }
    let time = characteristic_time(rates, model.room);
    let hits = rates.iter().map(|rate| {
        let hit = match time {
            Some(time) if time < model.ttl_s => 1.0 - (-rate * time).exp(),
            _ => rate * model.ttl_s / (1.0 + rate * model.ttl_s),
        };
        rate * hit
    });
    hits.sum::<f64>() / all
}

/// The time within which a thing must be asked for again to be there still; none where there is room for all.
fn characteristic_time(rates: &[f64], room: f64) -> Option<f64> {
    let asked_for = rates.iter().filter(|rate| **rate > 0.0).count() as f64;
    if room >= asked_for {
        return None;
    }
    let held = |time: f64| -> f64 { rates.iter().map(|rate| 1.0 - (-rate * time).exp()).sum() };
    let (mut low, mut high) = (0.0, 1.0);
    while held(high) < room {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        match held(middle) < room {
            true => low = middle,
            false => high = middle,
        }
    }
    Some(high)
}

/// The rates of things by a Zipfian popularity, which add up to `all`.
pub(crate) fn zipfian(count: usize, exponent: f64, all: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=count)
        .map(|rank| (rank as f64).powf(-exponent))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum * all).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::distr::{Distribution as _, weighted::WeightedIndex};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    const FOREVER: f64 = f64::INFINITY;

    #[test]
    fn where_all_are_alike_it_is_the_share_that_there_is_room_for() {
        let rates = vec![1.0; 1_000];
        let model = CacheModel {
            ttl_s: FOREVER,
            room: 250.0,
        };
        assert!((hit_rate(&rates, model) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn where_all_have_room_it_is_the_share_that_has_not_expired() {
        // One thing, once a second, kept for a second: every other request.
        let model = CacheModel {
            ttl_s: 1.0,
            room: 10.0,
        };
        assert!((hit_rate(&[1.0], model) - 0.5).abs() < 1e-12);
        assert!((hit_rate(&[9.0], model) - 0.9).abs() < 1e-12);
        assert_eq!(hit_rate(&[], model), 0.0);
    }

    /// A cache that keeps the most recently used, simulated.
    fn simulated(rates: &[f64], room: usize, requests: usize) -> f64 {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let which = WeightedIndex::new(rates).unwrap();
        let mut last = vec![0_usize; rates.len()];
        let mut order = std::collections::BTreeMap::new();
        let mut hits = 0;
        for now in 1..=2 * requests {
            let asked = which.sample(&mut rng);
            let before = last[asked];
            let was_there = before > 0 && order.remove(&before).is_some();
            if now > requests && was_there {
                hits += 1;
            }
            last[asked] = now;
            order.insert(now, asked);
            if order.len() > room {
                order.pop_first();
            }
        }
        hits as f64 / requests as f64
    }

    #[test]
    fn theory_and_a_simulated_cache_agree() {
        let rates = zipfian(10_000, 0.99, 1.0);
        for room in [100, 1_000] {
            let model = CacheModel {
                ttl_s: FOREVER,
                room: room as f64,
            };
            let (theory, found) = (hit_rate(&rates, model), simulated(&rates, room, 200_000));
            assert!((theory - found).abs() < 0.005, "{theory} and {found}");
        }
    }

    /// A cache that keeps things for a time, simulated.
    #[test]
    fn theory_and_a_simulated_expiry_agree() {
        let rates = zipfian(10_000, 0.99, 100.0);
        let model = CacheModel {
            ttl_s: 30.0,
            room: 1e9,
        };
        let mut rng = Pcg64Mcg::seed_from_u64(8);
        let which = WeightedIndex::new(&rates).unwrap();
        let mut ends = vec![0.0_f64; rates.len()];
        let (mut hits, mut counted) = (0, 0);
        for number in 0..400_000 {
            let now = f64::from(number) / 100.0;
            let asked = which.sample(&mut rng);
            let is_there = ends[asked] > now;
            if !is_there {
                ends[asked] = now + model.ttl_s;
            }
            if now > 60.0 {
                counted += 1;
                hits += usize::from(is_there);
            }
        }
        let found = hits as f64 / f64::from(counted);
        let theory = hit_rate(&rates, model);
        assert!((theory - found).abs() < 0.005, "{theory} and {found}");
    }
}
