//! Simulated services: queues of known capacity.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;

use crate::knee::{Outcome, SlowShare, clustering, widened};
use tenfold_stats::interval_ranks;

/// Queue with several servers and Poisson arrivals.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// Number of servers.
    pub servers: usize,
    /// Service time.
    pub service: ServiceTime,
    /// Objective: the p99 of the response time stays below it, in seconds.
    pub limit_p99_s: f64,
    /// Probability of a trial that fails for no reason of its own.
    pub bad_moment: f64,
}

/// Service time of a request, in seconds.
#[derive(Debug, Clone, Copy)]
pub enum ServiceTime {
    /// Always the same.
    Fixed(f64),
    /// Exponential, with a mean.
    Exponential(f64),
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            servers: 1,
            service: ServiceTime::Fixed(0.001),
            limit_p99_s: 0.05,
            bad_moment: 0.0,
        }
    }
}

/// Returns a stream of random numbers.
pub fn stream(seed: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed)
}

fn exponential(mean: f64, stream: &mut Pcg64) -> f64 {
    -mean * (1.0 - stream.random::<f64>()).ln()
}

impl Queue {
    /// Offers a rate for a time, after a second of warm-up, and judges it as a trial is judged.
    pub fn trial(&self, rate: f64, duration: Duration, stream: &mut Pcg64) -> Outcome {
        let end = 1.0 + duration.as_secs_f64();
        let mut free: BinaryHeap<Reverse<u64>> = (0..self.servers).map(|_| Reverse(0)).collect();
        let mut responses = Vec::new();
        let mut seconds = vec![SlowShare { slow: 0, all: 0 }; end.ceil() as usize];
        let (mut now, mut answered) = (0.0, 0_u64);
        // Waiting and in service, by the third of the counted time in which it is.
        let mut pending = [0.0, 0.0, 0.0];
        let third = duration.as_secs_f64() / 3.0;
        loop {
            now += exponential(1.0 / rate, stream);
            if now >= end {
                break;
            }
            let Some(Reverse(at)) = free.pop() else {
                break;
            };
            let begin = (at as f64 / 1e9).max(now);
            let done = begin
                + match self.service {
                    ServiceTime::Fixed(seconds) => seconds,
                    ServiceTime::Exponential(mean) => exponential(mean, stream),
                };
            free.push(Reverse((done * 1e9) as u64));
            answered += u64::from(done >= 1.0 && done < end);
            if now >= 1.0 {
                responses.push(done - now);
                let second = &mut seconds[now as usize - 1];
                second.all += 1;
                second.slow += u64::from(done - now > self.limit_p99_s);
            }
            for (index, sum) in pending.iter_mut().enumerate() {
                let from = 1.0 + third * index as f64;
                *sum += (done.min(from + third) - now.max(from)).max(0.0);
            }
        }
        if stream.random::<f64>() < self.bad_moment {
            return Outcome::NotSustained {
                achieved: 0.9 * rate,
            };
        }
        seconds.retain(|second| second.all > 0);
        let factor = clustering(&seconds);
        let pending = pending.map(|sum| sum / third);
        self.judge(answered, &mut responses, pending, duration, factor)
    }

    fn judge(
        &self,
        answered: u64,
        responses: &mut [f64],
        pending: [f64; 3],
        duration: Duration,
        factor: f64,
    ) -> Outcome {
        let planned = responses.len() as f64;
        let achieved = answered as f64 / duration.as_secs_f64();
        let a_second = planned / duration.as_secs_f64();
        let grows = pending[2] > 1.5 * pending[0] && pending[2] > 0.1 * a_second;
        if (answered as f64) < 0.99 * planned || grows {
            return Outcome::NotSustained { achieved };
        }
        responses.sort_by(f64::total_cmp);
        let Some((low, high)) = interval_ranks(responses.len() as u64, 0.99, 0.95) else {
            return Outcome::Sustained;
        };
        let at = |rank: u64| responses[rank as usize - 1];
        let p99 = responses[(0.99 * responses.len() as f64) as usize];
        let [low, high] = widened(p99, [at(low), at(high)], factor);
        if high < self.limit_p99_s {
            Outcome::Sustained
        } else if low > self.limit_p99_s {
            Outcome::NotSustained { achieved }
        } else {
            Outcome::Undecided
        }
    }
}
