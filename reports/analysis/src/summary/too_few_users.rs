//! Scenarios with too few users for their rate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::{Metric, Run};

use crate::summary::Summary;

/// Maximum share of dropped arrivals that is not worth mentioning.
const DROPPED_MAX: f64 = 0.001;

/// Maximum share of arrivals that wait for an idle user that is not worth mentioning.
const WAITING_MAX: f64 = 0.05;

/// Maximum share of timeouts of a service that answers.
const TIMEOUTS_MAX: f64 = 0.01;

/// Share of the users that requests keep busy, from which arrivals wait for a user even if the service never slows down.
const BUSY_MIN: f64 = 0.8;

/// Ratio to the shortest service time up to which a request did not queue.
const QUICK_RATIO: u64 = 2;

/// Maximum share of quick requests of a service in which requests queue.
const QUICK_MAX: f64 = 0.001;

/// Requests from which a share of quick ones is meaningful.
const REQUESTS_MIN: u64 = 100;

/// Spare users, in square roots of the number of busy ones, with which fewer than 1% of Poisson arrivals wait (Halfin and
/// Whitt, Heavy-traffic limits for queues with many exponential servers, Operations Research 29, 1981).
const SPARE: f64 = 2.4;

/// Users that the offered rate needs, if there were too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TooFewUsers {
    /// Users of the run.
    pub users: u64,
    /// Users that the offered rate needs: those that are busy, by Little's law with the mean service time, and as many spare
    /// ones that fewer than 1% of Poisson arrivals wait.
    pub needed: u64,
}

/// Returns how many users the offered rate needs, if arrivals waited for a user, or were dropped, because there were too
/// few. `None` if none did, or if the service may be the cause.
///
/// Requests queue in a service that can't keep up. While all users wait for it, then, hardly any request is quick. If some
/// are, the service had nothing to queue: more users would have sent more.
pub(crate) fn too_few_users(run: &Run, summary: &Summary) -> Option<TooFewUsers> {
    let (arrivals, latency) = (&summary.arrivals, &summary.latency_ns);
    let users = u64::from(run.manifest.users);
    let all_busy = summary.generator.users_used >= users;
    let is_over = |count: u64, share: f64, of: u64| count as f64 > share * of as f64;
    let short = is_over(arrivals.dropped, DROPPED_MAX, arrivals.planned)
        || is_over(latency.blocked.count, WAITING_MAX, arrivals.sent);
    let timeouts = summary.failures.get("timeout").copied().unwrap_or(0);
    let answers = !is_over(timeouts, TIMEOUTS_MAX, arrivals.sent);
    let busy = summary.rate_per_s.offered * latency.service.mean? as f64 / 1e9;
    let needed = (busy + SPARE * busy.sqrt()).ceil() as u64;
    let wait = busy > BUSY_MIN * users as f64;
    (short && all_busy && answers && wait && needed > users && !queues(run, summary)?)
        .then_some(TooFewUsers { users, needed })
}

/// Returns whether requests queue in the service while all users wait for it. `None` without an answer.
fn queues(run: &Run, summary: &Summary) -> Option<bool> {
    let service = &summary.latency_ns.service;
    let quick_ns = QUICK_RATIO.saturating_mul(service.min?.max(1));
    let (mut quick, mut all) = (0, 0);
    let short = columns_without_idle_user(run);
    for (column, times) in run.latencies.columns().of(Metric::Service) {
        // The queue grows in the first, and shrinks in the last.
        let is_inside = (-1..=1).all(|step| {
            let column = column.checked_add_signed(step);
            column.is_some_and(|column| short.get(&column) == Some(&true))
        });
        if is_inside {
            all += times.len();
            let of_quick = times.iter().filter(|(time, _)| *time < quick_ns);
            quick += of_quick.map(|(_, count)| count).sum::<u64>();
        }
    }
    Some(match all >= REQUESTS_MIN {
        true => quick as f64 <= QUICK_MAX * all as f64,
        false => service.p50? >= quick_ns,
    })
}

/// Returns for each column of the run's latencies whether arrivals waited for an idle user, or were dropped, in each second.
fn columns_without_idle_user(run: &Run) -> BTreeMap<u64, bool> {
    let column_ns = run.latencies.columns().column_ns().max(1);
    let mut columns = BTreeMap::new();
    for row in &run.timeline.rows {
        let is_short = row.waiting > 0 || row.dropped > 0;
        let column = columns.entry(row.start_ns / column_ns).or_insert(true);
        *column &= is_short;
    }
    columns
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use hdrhistogram::Histogram;
    use tenfold_run_dir::timeline::Row;
    use tenfold_run_dir::{IntervalFold, IntervalHistogram, Series, SparseHistogram};

    use super::*;
    use crate::latency::percentiles::Latency;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    const MS: u64 = 1_000_000;

    /// A run whose figures each case replaces.
    static MADE_UP: LazyLock<(Run, Summary)> = LazyLock::new(|| {
        let run = MadeUp::default().play();
        let summary = summarise(&run);
        (run, summary)
    });

    /// A run of 10 users.
    struct Case {
        /// Arrivals per second.
        offered: f64,
        /// Of 1,000 arrivals.
        dropped: u64,
        waited: u64,
        timeouts: u64,
        /// Service times of each second, in milliseconds.
        seconds: Vec<Vec<u64>>,
    }

    impl Case {
        fn needed(&self) -> Option<u64> {
            let (mut run, mut summary) = MADE_UP.clone();
            run.manifest.users = 10;
            let row = |second: usize| Row {
                start_ns: second as u64 * 1_000 * MS,
                duration_ns: 1_000 * MS,
                waiting: u64::from(self.dropped + self.waited > 0),
                ..Row::default()
            };
            run.timeline.rows = (0..self.seconds.len()).map(row).collect();
            run.latencies = IntervalFold::of_run(&run.manifest, &run.timeline);
            let histogram = || Histogram::<u64>::new(3).unwrap();
            let mut all = histogram();
            for (second, times) in self.seconds.iter().enumerate() {
                let mut own = histogram();
                times.iter().for_each(|time| own += time * MS);
                all.add(&own).unwrap();
                run.latencies.add(&IntervalHistogram {
                    series: Series {
                        metric: Metric::Service,
                        phase: 0,
                        request: 0,
                    },
                    start_ns: second as u64 * 1_000 * MS,
                    duration_ns: 1_000 * MS,
                    histogram: SparseHistogram::of(&own),
                });
            }
            summary.generator.users_used = 10;
            summary.rate_per_s.offered = self.offered;
            summary.arrivals.planned = 1_000;
            summary.arrivals.sent = 1_000 - self.dropped;
            summary.arrivals.dropped = self.dropped;
            summary.failures = [("timeout".to_owned(), self.timeouts)].into();
            summary.latency_ns.service = Latency::of(&all);
            summary.latency_ns.blocked.count = self.waited;
            too_few_users(&run, &summary).map(|few| few.needed)
        }
    }

    /// 500/s, of which half is dropped, to a service that takes 100 ms.
    fn dropping() -> Case {
        Case {
            offered: 500.0,
            dropped: 500,
            waited: 0,
            timeouts: 0,
            seconds: vec![vec![100; 100]; 5],
        }
    }

    #[test]
    fn too_few_users_wait_for_a_quick_service() {
        // 50 busy users, and 2.4 times the square root of 50.
        assert_eq!(dropping().needed(), Some(67));
        let waiting = Case {
            dropped: 0,
            waited: 700,
            ..dropping()
        };
        assert_eq!(waiting.needed(), Some(67));
        let nearly = Case {
            offered: 96.0,
            dropped: 0,
            waited: 300,
            ..dropping()
        };
        assert_eq!(nearly.needed(), Some(18), "9.6 of 10 users are busy");
    }

    #[test]
    fn users_are_too_few_for_requests_of_any_speed() {
        let mixed = [vec![2; 50], vec![200; 50]].concat();
        let varied: Vec<u64> = (0..100).map(|n| 20 + n * 28 / 10).collect();
        for seconds in [vec![mixed; 5], vec![varied; 5]] {
            let case = Case {
                seconds,
                ..dropping()
            };
            assert!(case.needed().is_some(), "{:?}", case.seconds[0]);
        }
    }

    #[test]
    fn queues_hangs_and_idle_users_are_told_apart() {
        let mut queueing = vec![vec![100; 100]; 5];
        queueing[0] = (1..=100).collect();
        let cases = [
            ("none waits", 0, 0, queueing.clone()),
            ("requests queue", 500, 0, queueing),
            ("the service hangs", 500, 50, vec![vec![100; 100]; 5]),
            ("users are idle", 500, 0, vec![vec![10; 100]; 5]),
        ];
        for (why, dropped, timeouts, seconds) in cases {
            let case = Case {
                dropped,
                timeouts,
                seconds,
                ..dropping()
            };
            assert_eq!(case.needed(), None, "{why}");
        }
    }
}
