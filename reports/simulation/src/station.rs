//! A server: processors, a queue, and a limit of CPU time in each period.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::system::{Discipline, Quota, Tier};

/// Rest of a time that counts as none, in seconds, and relative to the time of the clock, whose rounding it is above.
const NONE_S: f64 = 2e-12;
const NONE: f64 = 1e-15;

/// A server with its requests.
///
/// All requests in service have the same speed, so the time that each has been served is one number for all of them
/// ("virtual time"): a request ends when that number reaches the one at its start plus its demand.
#[derive(Debug)]
pub(crate) struct Station {
    cores: f64,
    /// Most requests in service at a time.
    served_max: usize,
    quota: Option<Quota>,
    served: BinaryHeap<Reverse<Served>>,
    waiting: VecDeque<(usize, f64)>,
    /// Time that a request has been served which began when the station was last empty, in seconds.
    virtual_s: f64,
    /// Time of the last change.
    at: f64,
    period_end: f64,
    /// CPU time that is left in the period, in seconds.
    left_s: f64,
    /// CPU time used so far, in seconds.
    used_s: f64,
    /// Number of changes: an event that was planned before the last one is void.
    pub(crate) changes: u64,
}

/// A request in service.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Served {
    ends_s: f64,
    job: usize,
}

impl Eq for Served {}

impl PartialOrd for Served {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Served {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.ends_s
            .total_cmp(&other.ends_s)
            .then(self.job.cmp(&other.job))
    }
}

impl Station {
    /// Returns an idle server of a tier. `phase`, from 0 to 1, is the part of its first period that is over.
    pub(crate) fn new(tier: &Tier, phase: f64) -> Self {
        let quota = tier.quota;
        Self {
            cores: f64::from(tier.cores),
            served_max: match tier.discipline {
                Discipline::FirstComeFirstServed => tier.cores as usize,
                Discipline::ProcessorSharing => usize::MAX,
            },
            quota,
            served: BinaryHeap::new(),
            waiting: VecDeque::new(),
            virtual_s: 0.0,
            at: 0.0,
            period_end: quota.map_or(f64::INFINITY, |own| own.period_s * (1.0 - phase)),
            left_s: quota.map_or(f64::INFINITY, |own| own.cpu_s),
            used_s: 0.0,
            changes: 0,
        }
    }

    /// Adds a request that needs some CPU time.
    pub(crate) fn add(&mut self, now: f64, job: usize, demand_s: f64) {
        self.advance(now);
        self.changes += 1;
        match self.served.len() < self.served_max {
            true => self.serve(job, demand_s),
            false => self.waiting.push_back((job, demand_s)),
        }
    }

    fn serve(&mut self, job: usize, demand_s: f64) {
        let ends_s = self.virtual_s + demand_s;
        self.served.push(Reverse(Served { ends_s, job }));
    }

    /// Returns the time of its next change if nothing is added. `None` if it is idle.
    pub(crate) fn next_at(&self) -> Option<f64> {
        let Reverse(first) = self.served.peek()?;
        let speed = self.speed();
        if speed <= 0.0 {
            return Some(self.period_end);
        }
        let end = self.at + (first.ends_s - self.virtual_s).max(0.0) / speed;
        let exhausted = self.at + self.left_s / (speed * self.served.len() as f64);
        Some(end.min(exhausted).min(self.period_end))
    }

    /// Moves on to the time of a planned change, and returns the requests that end.
    pub(crate) fn change(&mut self, now: f64, ended: &mut Vec<usize>) {
        self.advance(now);
        self.changes += 1;
        while let Some(Reverse(first)) = self.served.peek().copied()
            && first.ends_s - self.virtual_s <= self.none_s()
        {
            self.served.pop();
            ended.push(first.job);
            if let Some((job, demand_s)) = self.waiting.pop_front() {
                self.serve(job, demand_s);
            }
        }
        if self.served.is_empty() {
            self.virtual_s = 0.0;
        }
    }

    /// Returns the CPU time used until a time, which is at most that of the next change, in seconds.
    pub(crate) fn used_until(&self, now: f64) -> f64 {
        self.used_s + (now - self.at).max(0.0) * self.speed() * self.served.len() as f64
    }

    /// Rest of a time that counts as none: it would not move the clock.
    fn none_s(&self) -> f64 {
        NONE_S.max(self.at * NONE)
    }

    /// Speed of each request in service: CPU time per time.
    fn speed(&self) -> f64 {
        if self.left_s <= self.none_s() * self.served.len() as f64 {
            return 0.0;
        }
        (self.cores / self.served.len().max(1) as f64).min(1.0)
    }

    /// Serves until a time, which is at most that of the next change.
    fn advance(&mut self, now: f64) {
        let served_s = (now - self.at) * self.speed();
        let used_s = served_s * self.served.len() as f64;
        self.virtual_s += served_s;
        self.used_s += used_s;
        self.at = now;
        if let Some(quota) = self.quota {
            self.left_s -= used_s;
            if now >= self.period_end {
                let missed = ((now - self.period_end) / quota.period_s).floor();
                self.period_end += (missed + 1.0) * quota.period_s;
                self.left_s = quota.cpu_s;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::Routing;

    fn tier(cores: u32, discipline: Discipline, quota: Option<Quota>) -> Tier {
        Tier {
            name: "one".to_owned(),
            copies: 1,
            cores,
            quota,
            discipline,
            routing: Routing::Random,
        }
    }

    /// Returns the end of each request, by number.
    fn ends(station: &mut Station, arrivals: &[(f64, f64)]) -> Vec<f64> {
        let mut ends = vec![0.0; arrivals.len()];
        let (mut next, mut ended) = (0, Vec::new());
        loop {
            let change = station.next_at();
            let arrival = arrivals.get(next);
            match (change, arrival) {
                (None, None) => return ends,
                (change, Some((at, demand))) if change.is_none_or(|change| *at < change) => {
                    station.add(*at, next, *demand);
                    next += 1;
                }
                (change, _) => {
                    let now = change.unwrap();
                    station.change(now, &mut ended);
                    for job in ended.drain(..) {
                        ends[job] = now;
                    }
                }
            }
        }
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (own, other) in found.iter().zip(expected) {
            assert!((own - other).abs() < 1e-9, "{found:?}, not {expected:?}");
        }
    }

    #[test]
    fn first_come_is_first_served() {
        let mut station = Station::new(&tier(2, Discipline::FirstComeFirstServed, None), 0.0);
        let arrivals = [(0.0, 2.0), (0.0, 3.0), (1.0, 1.0), (1.5, 1.0)];
        near(&ends(&mut station, &arrivals), &[2.0, 3.0, 3.0, 4.0]);
        assert!((station.used_until(9.0) - 7.0).abs() < 1e-9);
        station.add(10.0, 0, 3.0);
        assert!((station.used_until(11.0) - 8.0).abs() < 1e-9);
    }

    #[test]
    fn sharing_slows_all() {
        let mut station = Station::new(&tier(1, Discipline::ProcessorSharing, None), 0.0);
        // Alone for 1 s; then half the speed each until the short one ends after 2 s.
        let arrivals = [(0.0, 3.0), (1.0, 1.0)];
        near(&ends(&mut station, &arrivals), &[4.0, 3.0]);
    }

    #[test]
    fn a_quota_stops_the_server_until_the_next_period() {
        let quota = Quota {
            cpu_s: 2.0,
            period_s: 10.0,
        };
        let mut station =
            Station::new(&tier(2, Discipline::FirstComeFirstServed, Some(quota)), 0.0);
        // Both use up the 2 s within 1 s, go on at 10 s, and end 0.5 s later. The third has what is left: 1 s.
        let arrivals = [(0.0, 1.5), (0.0, 1.5), (10.6, 2.0)];
        near(&ends(&mut station, &arrivals), &[10.5, 10.5, 21.0]);
        // An idle server keeps nothing of a period that is over.
        near(&ends(&mut station, &[(95.0, 3.0)]), &[101.0]);
    }

    #[test]
    fn a_phase_moves_the_periods() {
        let quota = Quota {
            cpu_s: 1.0,
            period_s: 10.0,
        };
        let mut station = Station::new(
            &tier(1, Discipline::FirstComeFirstServed, Some(quota)),
            0.75,
        );
        near(&ends(&mut station, &[(0.0, 1.5)]), &[3.0]);
    }
}
