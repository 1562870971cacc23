//! A sample of a fleet: few servers of each tier, each with the load that it has in the whole fleet.
//!
//! A fleet of thousands of servers is too much to simulate. Its servers do not act on one another but through their requests,
//! so one in `factor` of the requests is followed through one in `factor` of the servers. Where a server would get less
//! than its load in the fleet, as a hot shard does that exists only once, the rest comes as Poisson arrivals of their own: the
//! sum of many independent streams is about Poisson (Palm and Khintchine).
//!
//! Shards keep the skew of their keys. They are ordered by load; the hottest are simulated one by one, the others in groups of
//! about the same load, with one server for each group.

use std::time::Duration;

use tenfold_scenarios::Scenario;

use crate::knee::mix;
use crate::system::{Routing, Step, System, Tier};

/// Most popular keys whose shards are worked out one by one. The others are spread evenly.
const SINGLE_KEYS: u64 = 1_000_000;

/// Hottest shards that stand for themselves alone.
const SINGLE_SHARDS: usize = 8;

/// A sample of a system.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Requests of the whole system for each one that is simulated. At least 1.
    pub factor: f64,
    pub(crate) tiers: Vec<SampledTier>,
}

/// Servers of a tier in a sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SampledTier {
    pub(crate) stations: Vec<SampledServer>,
    /// Server of each shard. Empty if keys do not choose it.
    shards: Vec<u32>,
    /// Load of the busiest server over the mean.
    pub(crate) skew: f64,
    /// Visits of the tier: cumulative share, path and step.
    pub(crate) visits: Vec<(f64, usize, usize)>,
}

/// A server in a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SampledServer {
    /// Servers of the system that it stands for.
    pub(crate) stands_for: f64,
    /// Visits that it gets in addition, for each request to the whole system.
    pub(crate) background: f64,
}

impl Sample {
    /// Returns the whole of a system, as a sample.
    pub fn whole(system: &System) -> Self {
        let tiers = system.tiers.iter().map(|tier| {
            let server = SampledServer {
                stands_for: 1.0,
                background: 0.0,
            };
            let copies = tier.copies.max(1);
            SampledTier {
                stations: vec![server; copies as usize],
                shards: match tier.routing {
                    Routing::Key => (0..copies as u32).collect(),
                    _ => Vec::new(),
                },
                skew: 1.0,
                visits: Vec::new(),
            }
        });
        Self {
            factor: 1.0,
            tiers: tiers.collect(),
        }
    }

    /// Returns a sample of a system under the load of a scenario, in which one of `factor` requests is simulated. With a
    /// factor of 1 or less, it is the whole system.
    pub fn of(system: &System, scenario: &Scenario, factor: f64) -> Self {
        let shares = mix(scenario);
        let loads = shard_loads(system, scenario, &shares);
        if factor <= 1.0 {
            let mut whole = Self::whole(system);
            for (tier, loads) in whole.tiers.iter_mut().zip(&loads) {
                tier.skew = skew(loads);
            }
            return whole;
        }
        let tiers = loads.into_iter().enumerate().map(|(tier, loads)| {
            let visits = visits(system, tier, &shares);
            let all: f64 = visits.iter().map(|(share, ..)| share).sum();
            let (stations, shards) = match loads.is_empty() {
                true => {
                    let widest = widest(system, tier);
                    let copies = system.tiers[tier].copies;
                    (equal(copies, factor, all, widest), Vec::new())
                }
                false => by_load(&loads, factor, all),
            };
            let mut sum = 0.0;
            let cumulative = visits.iter().map(|(share, path, step)| {
                sum += share / all.max(f64::MIN_POSITIVE);
                (sum, *path, *step)
            });
            SampledTier {
                skew: skew(&loads),
                stations,
                shards,
                visits: cumulative.collect(),
            }
        });
        Self {
            factor,
            tiers: tiers.collect(),
        }
    }

    /// Returns the number of simulated servers.
    pub fn servers(&self) -> usize {
        self.tiers.iter().map(|tier| tier.stations.len()).sum()
    }
}

impl SampledTier {
    /// Returns the server for a key.
    pub(crate) fn server_of(&self, key: u64) -> usize {
        match self.shards.len() {
            0 => 0,
            shards => self.shards[shard_of(key, shards)] as usize,
        }
    }
}

/// Returns the shard of a key: the finalizer of SplitMix64, modulo the number of shards.
fn shard_of(key: u64, shards: usize) -> usize {
    let mut mixed = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) % shards as u64) as usize
}

/// Returns the highest load over the mean. 1 without shards.
fn skew(loads: &[f64]) -> f64 {
    let mean = loads.iter().sum::<f64>() / loads.len() as f64;
    let highest = loads.iter().copied().fold(0.0, f64::max);
    if mean > 0.0 { highest / mean } else { 1.0 }
}

/// Returns the load of each shard of each tier, as visits for each request to the system. Empty for a tier without shards.
fn shard_loads(system: &System, scenario: &Scenario, shares: &[f64]) -> Vec<Vec<f64>> {
    let none = |tier: &Tier| match tier.routing {
        Routing::Key => vec![0.0; tier.copies.max(1) as usize],
        _ => Vec::new(),
    };
    let mut loads: Vec<Vec<f64>> = system.tiers.iter().map(none).collect();
    if loads.iter().all(Vec::is_empty) {
        return loads;
    }
    for (path, share) in shares.iter().enumerate() {
        add_keys(&mut loads, system, scenario, path, *share);
    }
    loads
}

/// Adds the load of a request, from the popularity of its keys, or of its users if it has none. A sample of requests would not do: of many
/// shards, the busiest would be the one with the most luck.
fn add_keys(loads: &mut [Vec<f64>], system: &System, scenario: &Scenario, path: usize, share: f64) {
    let request = scenario.requests.get(path);
    let own = request.and_then(|request| scenario.key_spaces.get(request.key_space?));
    let keys = own.unwrap_or(&scenario.user_space);
    // As in `arrivals`.
    let hashed = |rank: u64| match own {
        Some(_) => rank,
        None => keys.key_of(rank),
    };
    let top = |k: u64| keys.share_of_top(k, Duration::ZERO).unwrap_or(1.0);
    for step in steps(system, path) {
        let loads = &mut loads[step.tier];
        if loads.is_empty() {
            continue;
        }
        let visits = share * f64::from(step.width);
        let (mut before, mut single, mut first) = (0.0, 0.0, 0);
        let singles = keys.count.min(SINGLE_KEYS);
        while first < singles {
            // Neighbours within one percent of the rank have about the same popularity.
            let next = (first + 1 + first / 100).min(singles);
            let up_to = top(next);
            let each = (up_to - before) / (next - first) as f64;
            for rank in first..next {
                let load = each * step.visits.probability(rank);
                let shard = shard_of(hashed(rank), loads.len());
                loads[shard] += visits * load;
                single += load;
            }
            (before, first) = (up_to, next);
        }
        let rest = (step.visits.share() - single).max(0.0) * visits / loads.len() as f64;
        loads.iter_mut().for_each(|load| *load += rest);
    }
}

fn steps(system: &System, path: usize) -> impl Iterator<Item = &Step> {
    let path = system.paths.get(path);
    path.into_iter().flat_map(|path| &path.steps)
}

/// Returns the visits of a tier for each request to the system: their number, path and step.
fn visits(system: &System, tier: usize, shares: &[f64]) -> Vec<(f64, usize, usize)> {
    let mut visits = Vec::new();
    for (number, (path, share)) in system.paths.iter().zip(shares).enumerate() {
        for (index, step) in path.steps.iter().enumerate() {
            let own = share * step.visits.share() * f64::from(step.width);
            if step.tier == tier && own > 0.0 {
                visits.push((own, number, index));
            }
        }
    }
    visits
}

fn widest(system: &System, tier: usize) -> u64 {
    let steps = system.paths.iter().flat_map(|path| &path.steps);
    let here = steps.filter(|step| step.tier == tier);
    here.map(|step| u64::from(step.width)).max().unwrap_or(1)
}

/// Returns servers with equal loads. `visits` for each request to the system are divided among all copies.
fn equal(copies: u64, factor: f64, visits: f64, widest: u64) -> Vec<SampledServer> {
    let copies = copies.max(1);
    let simulated = ((copies as f64 / factor).ceil() as u64).clamp(1, copies);
    let simulated = simulated.max(widest.min(copies));
    let server = SampledServer {
        stands_for: copies as f64 / simulated as f64,
        background: (visits / copies as f64 - visits / (factor * simulated as f64)).max(0.0),
    };
    vec![server; simulated as usize]
}

/// Returns the servers for shards with these loads, and the number of the server of each shard.
fn by_load(loads: &[f64], factor: f64, visits: f64) -> (Vec<SampledServer>, Vec<u32>) {
    let mut order: Vec<usize> = (0..loads.len()).collect();
    order.sort_by(|one, other| loads[*other].total_cmp(&loads[*one]));
    let all: f64 = loads.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    // A group of more shards than the factor would get more than each of its shards.
    let size_max = factor.floor().max(1.0) as usize;
    let (mut servers, mut server_of) = (Vec::new(), vec![0; loads.len()]);
    let mut first = 0;
    while first < order.len() {
        let size = match servers.len() < SINGLE_SHARDS {
            true => 1,
            // Groups grow with the distance from the hottest, where neighbours differ less.
            false => (first / SINGLE_SHARDS).clamp(1, size_max),
        };
        let group = &order[first..(first + size).min(order.len())];
        let load: f64 = group.iter().map(|shard| loads[*shard]).sum::<f64>() / all;
        let number = group.len() as f64;
        for shard in group {
            server_of[*shard] = servers.len() as u32;
        }
        servers.push(SampledServer {
            stands_for: number,
            background: (visits * load * (1.0 / number - 1.0 / factor)).max(0.0),
        });
        first += group.len();
    }
    (servers, server_of)
}
