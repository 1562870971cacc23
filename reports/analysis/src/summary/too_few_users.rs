//! Whether arrivals were dropped because the scenario has too few users.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;

use crate::summary::Summary;

/// Maximum share of dropped arrivals that is not worth mentioning.
const DROPPED_MAX: f64 = 0.001;

/// Maximum share of timeouts of a service that answers.
const TIMEOUTS_MAX: f64 = 0.01;

/// Ratio of the median service time to the shortest from which requests wait for each other in the service.
const QUEUEING_RATIO: u64 = 2;

/// Users that the offered rate needs, if there were too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooFewUsers {
    /// Users of the run.
    pub users: u64,
    /// Users that the offered rate needs at least, by Little's law with the mean service time.
    pub needed: u64,
}

/// Returns how many users the offered rate needs, if arrivals were dropped because there were too few. `None`
/// if none were dropped, or if the service may be the cause.
///
/// A service that can't keep up queues requests, so most of them take much longer than the quickest. If they
/// don't, the service had nothing to queue: more users would have sent more.
pub(crate) fn too_few_users(run: &Run, summary: &Summary) -> Option<TooFewUsers> {
    let (arrivals, service) = (&summary.arrivals, &summary.latency_ns.service);
    let users = u64::from(run.manifest.users);
    let all_busy = summary.generator.users_used >= users;
    let dropped = arrivals.dropped as f64 > DROPPED_MAX * arrivals.planned as f64;
    let timeouts = summary.failures.get("timeout").copied().unwrap_or(0);
    let answers = (timeouts as f64) <= TIMEOUTS_MAX * arrivals.sent as f64;
    let queueing = service.p50? >= QUEUEING_RATIO * service.min?.max(1);
    let needed = (summary.rate_per_s.offered * service.mean? as f64 / 1e9).ceil() as u64;
    (dropped && all_busy && answers && !queueing && needed > users)
        .then_some(TooFewUsers { users, needed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    const MS: u64 = 1_000_000;

    /// 10 users at 500/s, of which `dropped` of 1,000 are dropped, with these service times in milliseconds.
    fn judged(dropped: u64, min: u64, p50: u64, timeouts: u64) -> Option<u64> {
        let mut run = MadeUp::default().play();
        let mut summary = summarise(&run);
        run.manifest.users = 10;
        summary.generator.users_used = 10;
        summary.rate_per_s.offered = 500.0;
        summary.arrivals.planned = 1_000;
        summary.arrivals.sent = 1_000 - dropped;
        summary.arrivals.dropped = dropped;
        summary.failures = [("timeout".to_owned(), timeouts)].into();
        let service = &mut summary.latency_ns.service;
        service.min = Some(min * MS);
        service.p50 = Some(p50 * MS);
        service.mean = Some(p50 * MS);
        too_few_users(&run, &summary).map(|few| few.needed)
    }

    #[test]
    fn users_are_too_few_only_for_a_service_that_does_not_queue() {
        assert_eq!(judged(770, 100, 110, 0), Some(55));
        assert_eq!(judged(0, 100, 110, 0), None, "nothing is dropped");
        assert_eq!(judged(770, 10, 110, 0), None, "the service queues");
        assert_eq!(judged(770, 100, 110, 50), None, "the service hangs");
        assert_eq!(judged(770, 10, 12, 0), None, "the users would do");
    }
}
