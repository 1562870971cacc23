//! Division of CPU time among the requests of a scenario, from `Server-Timing`.

use tenfold_run_dir::Run;
use tenfold_run_dir::server_timing::{RequestTiming, TimingBucket};
use tenfold_simulation::Demand;

use super::role::Role;

/// Fewest sampled requests whose times count.
const SAMPLES_MIN: u64 = 5;

/// Times above this multiple of the median are those of requests that stood still with their box.
const STILL: f64 = 5.0;

/// Relative CPU time of the requests of a scenario at a box.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weights {
    /// Distribution of each request, in any unit. `None` if the runs do not say.
    pub(super) requests: Vec<Option<Demand>>,
}

impl Weights {
    /// Reads the times of a role from a run. `alone` is true if the service has no database of its own box.
    pub(super) fn of(run: &Run, role: Role, alone: bool) -> Self {
        let names = &run.server_timing.names;
        let counts = |name: &String| is_time_of(role, alone, name);
        let parts: Vec<bool> = names.iter().map(counts).collect();
        let requests = (0..run.manifest.requests.len()).map(|number| {
            let timings = run.server_timing.requests.iter();
            let timing = timings
                .clone()
                .find(|own| own.request == number && own.count() >= SAMPLES_MIN)?;
            distribution(timing, &parts, !is_own(role))
        });
        Self {
            requests: requests.collect(),
        }
    }

    /// Returns the distributions for a mean CPU time over the mix. Requests of which nothing is known are as long as the mean of
    /// the others.
    pub(super) fn demands(&self, shares: &[f64], mean_s: f64) -> Vec<Demand> {
        let known = self.requests.iter().zip(shares);
        let (mut all, mut sum) = (0.0, 0.0);
        for (demand, share) in known {
            if let Some(demand) = demand {
                all += share;
                sum += share * demand.mean();
            }
        }
        let mean = if all > 0.0 { sum / all } else { 0.0 };
        let demands = self.requests.iter().map(|demand| match demand {
            Some(demand) if mean > 0.0 => demand.scaled(mean_s / mean),
            _ => Demand::Fixed(mean_s),
        });
        demands.collect()
    }

    /// Returns whether nothing is known of any request.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.iter().all(Option::is_none)
    }
}

/// Returns whether the service measures its own time at a role. That at another role, it measures with the network and the waits
/// on the way.
fn is_own(role: Role) -> bool {
    matches!(role, Role::Application | Role::Web)
}

/// Returns whether a part of the ledger is time of a role.
fn is_time_of(role: Role, alone: bool, part: &str) -> bool {
    match role {
        Role::Sql | Role::SqlBalancer => matches!(part, "sql" | "commit"),
        Role::Cache => part == "cache",
        Role::Application | Role::Web => match part {
            "cpu" | "serialize" | "body" => true,
            "sql" => alone,
            _ => false,
        },
        Role::Balancer | Role::Other => false,
    }
}

/// Returns the distribution of the chosen parts of a request, by bucket of the response time. `None` without any time. With
/// `median_only`, all requests take the median: the rest of the distribution is waits.
fn distribution(timing: &RequestTiming, parts: &[bool], median_only: bool) -> Option<Demand> {
    let time = |bucket: &TimingBucket| -> f64 {
        let times = bucket.parts_ns.iter().zip(parts);
        let chosen = times.filter(|(_, counts)| **counts);
        chosen.map(|(ns, _)| *ns as f64).sum::<f64>() / bucket.count as f64
    };
    let buckets = timing.buckets.iter().filter(|bucket| bucket.count > 0);
    let mut times: Vec<(f64, f64)> = buckets
        .map(|bucket| (time(bucket), bucket.count as f64))
        .collect();
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    let all: f64 = times.iter().map(|(_, count)| count).sum();
    let mut before = 0.0;
    let median = times.iter().find(|(_, count)| {
        before += count;
        before >= all / 2.0
    });
    let median = median?.0;
    if median_only {
        return (median > 0.0).then_some(Demand::Fixed(median));
    }
    let most = median * STILL;
    let kept = times.iter().map(|(time, count)| (time.min(most), *count));
    Demand::measured(kept).filter(|demand| demand.mean() > 0.0)
}
