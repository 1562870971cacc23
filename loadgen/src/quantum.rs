//! The pacer's quantum: how finely it wakes.
//!
//! Going to sleep and waking costs more than sending does, so one wake-up for each arrival is
//! affordable only where arrivals are rare. Above that, arrivals that fall due within one quantum
//! are sent together: the later ones on time, the earlier ones late by up to the quantum, which the
//! lag shows.

use std::time::Duration;

/// The rate, per second, up to which each arrival has a wake-up of its own.
const PRECISE_UP_TO: f64 = 4_000.0;

/// The rate from which wake-ups are rarer still.
const FRUGAL_FROM: f64 = 15_000.0;

/// Chooses the shortest sleep at an arrival rate, per second.
pub(crate) fn quantum(rate_per_s: f64) -> Duration {
    if rate_per_s <= PRECISE_UP_TO {
        Duration::ZERO
    } else if rate_per_s < FRUGAL_FROM {
        Duration::from_micros(200)
    } else {
        Duration::from_micros(500)
    }
}

/// Follows the rate at which arrivals are intended.
#[derive(Debug, Default)]
pub(crate) struct RateFollower {
    last: Option<u64>,
    gap_ns: f64,
}

/// The weight of the newest gap in the mean: some hundred gaps are remembered.
const NEWEST: f64 = 0.01;

impl RateFollower {
    /// Notes an arrival's intended time.
    pub(crate) fn note(&mut self, intended_ns: u64) {
        if let Some(last) = self.last {
            let gap = intended_ns.saturating_sub(last) as f64;
            self.gap_ns = if self.gap_ns == 0.0 {
                gap
            } else {
                self.gap_ns + NEWEST * (gap - self.gap_ns)
            };
        }
        self.last = Some(intended_ns);
    }

    /// The rate, per second; zero until two arrivals were noted.
    pub(crate) fn rate_per_s(&self) -> f64 {
        if self.gap_ns > 0.0 {
            1e9 / self.gap_ns
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_even_arrivals_is_found() {
        let mut follower = RateFollower::default();
        for arrival in 0..1_000_u64 {
            follower.note(arrival * 50_000);
        }
        assert!((follower.rate_per_s() - 20_000.0).abs() < 1e-6);
    }

    #[test]
    fn the_quantum_grows_with_the_rate() {
        let quanta: Vec<Duration> = [100.0, 5_000.0, 40_000.0].map(quantum).to_vec();
        assert!(quanta.is_sorted() && quanta[0].is_zero());
    }
}
