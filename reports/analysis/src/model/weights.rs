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
    /// Distribution of each request, in any unit; zero if it spends no time there. `None` if the runs do not say.
    requests: Vec<Option<Demand>>,
}

impl Weights {
    /// Reads the times of a role from a run. `alone` is true if the service has no database of its own box.
    pub(super) fn of(run: &Run, role: Role, alone: bool) -> Self {
        let names = &run.server_timing.names;
        let counts = |name: &String| is_time_of(role, alone, name);
        let parts: Vec<bool> = names.iter().map(counts).collect();
        // A service that reports no such part may spend time there.
        let is_reported = parts.contains(&true);
        let requests = (0..run.manifest.requests.len()).map(|number| {
            let timings = run.server_timing.requests.iter();
            let timing = timings
                .clone()
                .find(|own| own.request == number && own.count() >= SAMPLES_MIN)?;
            is_reported.then(|| distribution(timing, &parts, is_own(role)))
        });
        Self {
            requests: requests.collect(),
        }
    }

    /// Returns the distributions for a mean CPU time over the mix. Requests of which nothing is known are as long as the mean of
    /// the others. If those spend no time at the box, its time is that of the unknown ones; without unknown ones, all are equally long.
    pub(super) fn demands(&self, shares: &[f64], mean_s: f64) -> Vec<Demand> {
        let known = self.requests.iter().zip(shares);
        let (mut all, mut sum, mut unknown) = (0.0, 0.0, 0.0);
        for (demand, share) in known {
            match demand {
                Some(demand) => {
                    all += share;
                    sum += share * demand.mean();
                }
                None => unknown += share,
            }
        }
        let mean = if all > 0.0 { sum / all } else { 0.0 };
        let demands = self.requests.iter().map(|demand| match demand {
            Some(demand) if mean > 0.0 => demand.scaled(mean_s / mean),
            None if mean > 0.0 => Demand::Fixed(mean_s),
            Some(_) if unknown > 0.0 => Demand::Fixed(0.0),
            None => Demand::Fixed(mean_s / unknown.max(f64::MIN_POSITIVE)),
            Some(_) => Demand::Fixed(mean_s),
        });
        demands.collect()
    }

    /// Returns the numbers of the requests of which nothing is known.
    pub(super) fn unknown(&self) -> Vec<usize> {
        let numbers = self.requests.iter().enumerate();
        numbers
            .filter(|(_, demand)| demand.is_none())
            .map(|(number, _)| number)
            .collect()
    }

    /// Returns whether nothing is known of any request, or all spend no time at the box.
    pub(super) fn are_equal(&self) -> bool {
        let mut known = self.requests.iter().flatten();
        !known.any(|demand| demand.mean() > 0.0)
            && (self.unknown().is_empty() || self.unknown().len() == self.requests.len())
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

/// Returns the distribution of the chosen parts of a request, by bucket of the response time: zero if it spends no time there.
///
/// The time at a box of another role has waits in it, which its median hardly has. So unless it `is_own` time, the requests that spend time there all
/// take the median of those, and the others none, as those that a cache answers; the mean of both stands for each.
fn distribution(timing: &RequestTiming, parts: &[bool], is_own: bool) -> Demand {
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
    let spent = || times.iter().filter(|(time, _)| *time > 0.0);
    let all: f64 = times.iter().map(|(_, count)| count).sum();
    let of_spent: f64 = spent().map(|(_, count)| count).sum();
    let mut before = 0.0;
    let median = spent().find(|(_, count)| {
        before += count;
        before >= of_spent / 2.0
    });
    let Some((median, _)) = median else {
        return Demand::Fixed(0.0);
    };
    if !is_own {
        return Demand::Fixed(median * of_spent / all);
    }
    let most = median * STILL;
    let kept = times.iter().map(|(time, count)| (time.min(most), *count));
    Demand::measured(kept).unwrap_or(Demand::Fixed(0.0))
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::ServerTiming;
    use tenfold_run_dir::server_timing::SampledRequest;

    use super::*;
    use crate::synthetic::MadeUp;

    /// A run with 100 samples of each request. `sql_us` has the times at the database of a request's samples, in turn.
    fn run(sql_us: &[&[u64]]) -> Run {
        let mut run = MadeUp::default().play();
        run.server_timing = ServerTiming::default();
        for (request, times) in sql_us.iter().enumerate() {
            for sample in 0..100 {
                let Some(sql) = times.get(sample % times.len().max(1)) else {
                    continue;
                };
                let service_ns = 500_000 + sql * 1_000;
                let metrics = [("cpu".to_owned(), 500_000), ("sql".to_owned(), sql * 1_000)];
                // A part without time is not reported.
                let reported = if *sql > 0 { 2 } else { 1 };
                run.server_timing.add(&SampledRequest {
                    request,
                    response_ns: service_ns + 100_000,
                    service_ns,
                    metrics: Some(&metrics[..reported]),
                    ..SampledRequest::default()
                });
            }
        }
        run
    }

    fn means(weights: &Weights, mean_s: f64) -> Vec<f64> {
        let demands = weights.demands(&[0.25; 4], mean_s);
        demands.iter().map(Demand::mean).collect()
    }

    fn close(found: &[f64], expected: &[f64]) {
        for (own, other) in found.iter().zip(expected) {
            assert!((own - other).abs() < 0.02, "{found:?}, not {expected:?}");
        }
    }

    #[test]
    fn cached_requests_spend_no_time_at_the_database() {
        // One misses the cache in one of four cases, two always hit, one has no samples.
        let run = run(&[&[800, 0, 0, 0], &[0], &[0], &[]]);
        let weights = Weights::of(&run, Role::Sql, false);
        assert_eq!(weights.unknown(), [3]);
        assert!(!weights.are_equal());
        // The mean of the known three is 1; the unknown one counts as that.
        close(&means(&weights, 1.0), &[3.0, 0.0, 0.0, 1.0]);
        let first = run.server_timing.requests[0].clone();
        let of_first = distribution(&first, &[false, true], false);
        assert!(
            (of_first.mean() / 200_000.0 - 1.0).abs() < 0.02,
            "{of_first:?}"
        );
    }

    #[test]
    fn unknown_requests_get_the_rest_of_the_time() {
        let cached = run(&[&[0], &[0], &[0], &[]]);
        // No request reports time at a database, so that nothing is known of any.
        let weights = Weights::of(&cached, Role::Sql, false);
        assert_eq!(weights.unknown(), [0, 1, 2, 3]);
        assert!(weights.are_equal());
        close(&means(&weights, 1.0), &[1.0; 4]);
        let partly = Weights {
            requests: vec![
                Some(Demand::Fixed(0.0)),
                None,
                Some(Demand::Fixed(0.0)),
                None,
            ],
        };
        assert!(!partly.are_equal());
        close(&means(&partly, 1.0), &[0.0, 2.0, 0.0, 2.0]);
        let none = Weights {
            requests: vec![Some(Demand::Fixed(0.0)); 4],
        };
        assert!(none.are_equal());
        close(&means(&none, 1.0), &[1.0; 4]);
    }
}
