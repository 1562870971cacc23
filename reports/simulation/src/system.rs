//! A service as tiers of servers, and the paths of its requests.

use crate::cache::Misses;
use crate::demand::Demand;

/// A service as tiers of servers, and the paths of its requests.
#[derive(Debug, Clone, PartialEq)]
pub struct System {
    /// Tiers.
    pub tiers: Vec<Tier>,
    /// Path of each request of the scenario, in its order.
    pub paths: Vec<Path>,
    /// Time on the network from one server to the next, in seconds.
    pub hop_s: f64,
}

/// Equal servers, one of which serves a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// Name, for people.
    pub name: String,
    /// Servers, at least one.
    pub copies: u64,
    /// Processors of a server, at least one: requests that it serves at a time.
    pub cores: u32,
    /// Limit of its CPU time. `None` for all of its processors.
    pub quota: Option<Quota>,
    /// Order in which a server works.
    pub discipline: Discipline,
    /// Choice of a server.
    pub routing: Routing,
}

/// Limit of the CPU time of a server: in each period it works until its time is used up, then it stands still. The kernel
/// limits control groups in this way (CFS bandwidth control).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// CPU time in a period, in seconds.
    pub cpu_s: f64,
    /// Length of a period, in seconds.
    pub period_s: f64,
}

/// Order in which a server works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// Each processor finishes a request before it begins the next. For requests shorter than the kernel's time slices of about
    /// 3 ms.
    FirstComeFirstServed,
    /// All requests share the processors equally. For requests of many time slices.
    ProcessorSharing,
}

/// Choice of a server of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// Any of them, independently of other requests.
    Random,
    /// One after the other.
    RoundRobin,
    /// By the hash of the request's key: shards.
    Key,
}

/// Path of a request: its steps, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Steps, in order.
    pub steps: Vec<Step>,
    /// Time that it takes without any server, such as for a sync of the disk.
    pub delay: Demand,
}

/// A visit to a tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Number of the tier.
    pub tier: usize,
    /// CPU time of the visit.
    pub demand: Demand,
    /// Requests that visit it.
    pub visits: Visits,
    /// Servers that are visited at the same time; the last answer counts. At most the
    /// copies of the tier.
    pub width: u32,
}

/// Requests that visit a tier.
#[derive(Debug, Clone, PartialEq)]
pub enum Visits {
    /// All.
    All,
    /// A share of them, from 0 to 1, at random.
    Share(f64),
    /// Those that miss a cache.
    Misses(Misses),
}

impl Visits {
    /// Returns the share of the requests.
    pub fn share(&self) -> f64 {
        match self {
            Self::All => 1.0,
            Self::Share(share) => *share,
            Self::Misses(misses) => misses.share(),
        }
    }

    /// Returns the probability of a visit for a key of this rank.
    pub(crate) fn probability(&self, rank: u64) -> f64 {
        match self {
            Self::All => 1.0,
            Self::Share(share) => *share,
            Self::Misses(misses) => misses.probability(rank),
        }
    }
}

impl Step {
    /// Returns a visit of each request to one server of a tier.
    pub fn to(tier: usize, demand: Demand) -> Self {
        Self {
            tier,
            demand,
            visits: Visits::All,
            width: 1,
        }
    }

    /// Mean CPU time of a request at the tier, in seconds.
    pub fn mean(&self) -> f64 {
        self.demand.mean() * self.visits.share() * f64::from(self.width)
    }
}

impl Path {
    /// Returns a path without a delay.
    pub fn of(steps: Vec<Step>) -> Self {
        Self {
            steps,
            delay: Demand::Fixed(0.0),
        }
    }
}

impl Tier {
    /// Processors that one server may use on average.
    pub fn allowed_cores(&self) -> f64 {
        let cores = f64::from(self.cores);
        match self.quota {
            Some(quota) => cores.min(quota.cpu_s / quota.period_s),
            None => cores,
        }
    }
}

impl System {
    /// Returns the mean CPU time that a request needs at each tier, in seconds. `shares` of the requests have each path.
    pub fn demands(&self, shares: &[f64]) -> Vec<f64> {
        let mut demands = vec![0.0; self.tiers.len()];
        for (path, share) in self.paths.iter().zip(shares) {
            for step in &path.steps {
                if let Some(demand) = demands.get_mut(step.tier) {
                    *demand += step.mean() * share;
                }
            }
        }
        demands
    }

    /// Returns the rate at which the first tier is busy all the time, in requests per second, if load is spread evenly: the
    /// utilisation law, `X <= min(m / D)`. `None` if no tier is visited.
    pub fn saturation(&self, shares: &[f64]) -> Option<f64> {
        let demands = self.demands(shares);
        let limits = self.tiers.iter().zip(demands);
        limits
            .filter(|(_, demand)| *demand > 0.0)
            .map(|(tier, demand)| tier.copies as f64 * tier.allowed_cores() / demand)
            .min_by(f64::total_cmp)
    }
}
