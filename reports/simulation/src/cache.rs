//! Theoretical hit rate of a cache.

use std::time::Duration;

use tenfold_scenarios::KeySpace;

/// Model of a cache: expiry time and capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CacheModel {
    /// Expiry time of an entry, in seconds. A hit does not extend it.
    pub ttl_s: f64,
    /// Capacity in entries; the least recently used entry is evicted.
    pub room: f64,
}

/// Returns the theoretical hit rate of a cache, for independent requests to items at these rates (1/s).
///
/// An LRU cache contains an item if it was requested within the characteristic time T, which makes the sum over all
/// items of 1 - exp(-rate T) equal to the capacity (Che, Tung and Wang, "Hierarchical Web caching systems", IEEE JSAC
/// 20(7), 2002). The hit probability of an item is then 1 - exp(-rate T). If items expire before their eviction, the hit
/// probability is rate ttl / (1 + rate ttl): in each renewal cycle, all requests but the first are hits (Jung, Berger and
/// Balakrishnan, INFOCOM 2003).
pub fn hit_rate(rates: &[f64], model: CacheModel) -> f64 {
    let all: f64 = rates.iter().sum();
    if all <= 0.0 {
        return 0.0;
    }
    let time = grouped_time(rates.iter().map(|rate| (1.0, *rate)), model.room);
    let hits = rates
        .iter()
        .map(|rate| rate * hit(*rate, time, model.ttl_s));
    hits.sum::<f64>() / all
}

/// Returns the time within which an item has to be requested again to stay, for groups of items at the same rate: number and
/// rate. `None` if all items fit.
fn grouped_time(groups: impl Iterator<Item = (f64, f64)>, room: f64) -> Option<f64> {
    let groups: Vec<(f64, f64)> = groups.filter(|(_, rate)| *rate > 0.0).collect();
    let requested: f64 = groups.iter().map(|(count, _)| count).sum();
    if room >= requested {
        return None;
    }
    let held = |time: f64| -> f64 {
        let held = groups
            .iter()
            .map(|(count, rate)| count * (1.0 - (-rate * time).exp()));
        held.sum()
    };
    let (mut low, mut high) = (0.0, 1.0);
    while held(high) < room && high < f64::MAX / 2.0 {
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

/// Probability that a request misses a cache, by the rank of its key.
#[derive(Debug, Clone, PartialEq)]
pub struct Misses {
    /// Classes of ranks with about the same popularity, by their last rank.
    classes: Vec<Class>,
    share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Class {
    last: u64,
    probability: f64,
}

/// Growth of the classes of ranks: each is at most a tenth of the ranks before it.
const CLASS_GROWTH: f64 = 1.1;

impl Misses {
    /// Returns the misses of a cache for the keys of a key space, requested this often per second in all.
    ///
    /// Ranks of about the same popularity are one class, so that billions of keys take a few hundred numbers.
    pub fn of(keys: &KeySpace, per_second: f64, model: CacheModel) -> Self {
        let ranks = Ranks::of(keys, per_second);
        let room_time = grouped_time(ranks.rates(), model.room);
        ranks.misses(room_time, model.ttl_s)
    }

    /// Returns the misses of the items of several key spaces that share a cache, each requested this often per second. The cache evicts the
    /// item that was not requested for longest, whichever key space it belongs to, so all have the same characteristic time.
    pub fn shared(spaces: &[(&KeySpace, f64)], model: CacheModel) -> Vec<Self> {
        let all = spaces
            .iter()
            .map(|(keys, per_second)| Ranks::of(keys, *per_second));
        let all: Vec<Ranks> = all.collect();
        let room_time = grouped_time(all.iter().flat_map(Ranks::rates), model.room);
        let misses = all.iter().map(|own| own.misses(room_time, model.ttl_s));
        misses.collect()
    }

    /// Returns the share of all requests that miss.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Returns the probability that a request for the key of this rank misses.
    pub fn probability(&self, rank: u64) -> f64 {
        let at = self.classes.partition_point(|class| class.last < rank);
        self.classes.get(at).map_or(1.0, |class| class.probability)
    }
}

/// Classes of the ranks of a key space.
struct Ranks(Vec<Rank>);

/// Ranks of about the same popularity.
struct Rank {
    last: u64,
    count: f64,
    /// Share of the requests for all of them.
    share: f64,
    /// Rate of each, per second.
    rate: f64,
}

impl Ranks {
    fn of(keys: &KeySpace, per_second: f64) -> Self {
        let top = |k: u64| keys.share_of_top(k, Duration::ZERO).unwrap_or(0.0);
        let (mut ranks, mut first) = (Vec::new(), 0_u64);
        while first < keys.count {
            let next = ((first as f64 * CLASS_GROWTH) as u64).clamp(first + 1, keys.count);
            let share = (top(next) - top(first)).max(0.0);
            let count = (next - first) as f64;
            ranks.push(Rank {
                last: next - 1,
                count,
                share,
                rate: share * per_second / count,
            });
            first = next;
        }
        Self(ranks)
    }

    fn rates(&self) -> impl Iterator<Item = (f64, f64)> {
        self.0.iter().map(|own| (own.count, own.rate))
    }

    fn misses(&self, room_time: Option<f64>, ttl_s: f64) -> Misses {
        let classes = self.0.iter().map(|own| Class {
            last: own.last,
            probability: 1.0 - hit(own.rate, room_time, ttl_s),
        });
        let classes: Vec<Class> = classes.collect();
        let missed = classes.iter().zip(&self.0);
        Misses {
            share: missed
                .map(|(class, own)| class.probability * own.share)
                .sum(),
            classes,
        }
    }
}

/// Hit probability of an item at this rate, in a cache with this characteristic time and expiry.
fn hit(rate: f64, time: Option<f64>, ttl_s: f64) -> f64 {
    match time {
        Some(time) if time < ttl_s => 1.0 - (-rate * time).exp(),
        _ if ttl_s.is_infinite() => 1.0,
        _ => rate * ttl_s / (1.0 + rate * ttl_s),
    }
}

/// Returns item rates with Zipfian popularity and the sum `all`.
pub fn zipfian(count: usize, exponent: f64, all: f64) -> Vec<f64> {
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
    fn equal_rates_hit_by_share_of_capacity() {
        let rates = vec![1.0; 1_000];
        let model = CacheModel {
            ttl_s: FOREVER,
            room: 250.0,
        };
        assert!((hit_rate(&rates, model) - 0.25).abs() < 1e-9);
    }

    #[test]
    fn without_eviction_hits_depend_on_expiry() {
        // One item, once a second, kept for a second: every other request hits.
        let model = CacheModel {
            ttl_s: 1.0,
            room: 10.0,
        };
        assert!((hit_rate(&[1.0], model) - 0.5).abs() < 1e-12);
        assert!((hit_rate(&[9.0], model) - 0.9).abs() < 1e-12);
        assert_eq!(hit_rate(&[], model), 0.0);
    }

    /// Simulates an LRU cache.
    fn simulated(rates: &[f64], room: usize, requests: usize) -> f64 {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        let which = WeightedIndex::new(rates).unwrap();
        let mut last = vec![0_usize; rates.len()];
        let mut order = std::collections::BTreeMap::new();
        let mut hits = 0;
        for now in 1..=2 * requests {
            let item = which.sample(&mut rng);
            let before = last[item];
            let was_there = before > 0 && order.remove(&before).is_some();
            if now > requests && was_there {
                hits += 1;
            }
            last[item] = now;
            order.insert(now, item);
            if order.len() > room {
                order.pop_first();
            }
        }
        hits as f64 / requests as f64
    }

    #[test]
    fn theory_matches_simulated_lru_cache() {
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

    /// Simulates a cache with expiry.
    #[test]
    fn theory_matches_simulated_expiry() {
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
            let item = which.sample(&mut rng);
            let is_there = ends[item] > now;
            if !is_there {
                ends[item] = now + model.ttl_s;
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
