//! The pacer's quantum: how finely it wakes.
//!
//! Going to sleep and waking costs more than sending does, so one wake-up for each arrival is
//! affordable only where arrivals are rare. Above that, arrivals that fall due within one quantum
//! are sent together: the later ones on time, the earlier ones late by up to the quantum, which the
//! lag shows. How cost and lateness trade off was measured: `docs/adr/0007-the-quantum.md`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::nanoseconds;

/// The rate, per second, up to which each arrival has a wake-up of its own.
const PRECISE_UP_TO: f64 = 4_000.0;

/// The rate from which a wake-up is shared by so many arrivals that it hardly counts.
const FRUGAL_FROM: f64 = 20_000.0;

/// The quantum at that rate, in nanoseconds, and the longest for as long as the processor is not
/// scarce.
const FRUGAL_NS: f64 = 600_000.0;

/// Arrivals that share a wake-up at that rate and above it.
const SHARED_BY: f64 = FRUGAL_FROM * FRUGAL_NS / 1e9;

/// The share of a processor above which the generator is to save on wake-ups, and the one below
/// which it need no longer.
const SCARCE: std::ops::Range<f64> = 0.5..0.75;

/// How much longer the quantum may become where the processor is scarce.
const MOST_STRETCH: f64 = 4.0;

/// Chooses the shortest sleep, from the rate at which arrivals are intended and the generator's own
/// use of its processor.
#[derive(Debug)]
pub(crate) struct Quantum {
    rate: RateFollower,
    stretch: f64,
    looked_at_ns: u64,
    cpu_ns: u64,
}

/// How often the use of the processor is looked at.
const LOOK_EVERY_NS: u64 = 100_000_000;

impl Quantum {
    /// Starts at a time of the run, with the CPU time that the generator has used by then.
    pub(crate) fn new(now_ns: u64, cpu_ns: u64) -> Self {
        Self {
            rate: RateFollower::default(),
            stretch: 1.0,
            looked_at_ns: now_ns,
            cpu_ns,
        }
    }

    /// Notes an arrival's intended time.
    pub(crate) fn note(&mut self, intended_ns: u64) {
        self.rate.note(intended_ns);
    }

    /// Chooses for the sleep that begins now; `cpu_ns` is asked now and then for the CPU time that the
    /// generator's thread has used.
    pub(crate) fn choose(&mut self, now_ns: u64, cpu_ns: impl FnOnce() -> u64) -> Duration {
        let since = now_ns.saturating_sub(self.looked_at_ns);
        if since >= LOOK_EVERY_NS {
            let cpu_ns = cpu_ns();
            let share = cpu_ns.saturating_sub(self.cpu_ns) as f64 / since as f64;
            self.stretch = stretched(self.stretch, share);
            (self.looked_at_ns, self.cpu_ns) = (now_ns, cpu_ns);
        }
        let base_ns = base_ns(self.rate.rate_per_s());
        Duration::from_nanos((base_ns * self.stretch) as u64)
    }
}

/// The quanta that were chosen so far.
#[derive(Debug)]
pub(crate) struct QuantumRange {
    shortest_ns: AtomicU64,
    longest_ns: AtomicU64,
}

impl Default for QuantumRange {
    fn default() -> Self {
        Self {
            shortest_ns: AtomicU64::new(u64::MAX),
            longest_ns: AtomicU64::new(0),
        }
    }
}

impl QuantumRange {
    /// Notes one.
    pub(crate) fn note(&self, quantum: Duration) {
        let ns = nanoseconds(quantum);
        self.shortest_ns.fetch_min(ns, Ordering::Relaxed);
        self.longest_ns.fetch_max(ns, Ordering::Relaxed);
    }

    /// The shortest and the longest of them, in nanoseconds; none where none was chosen.
    pub(crate) fn range_ns(&self) -> Option<(u64, u64)> {
        let shortest = self.shortest_ns.load(Ordering::Relaxed);
        (shortest != u64::MAX).then(|| (shortest, self.longest_ns.load(Ordering::Relaxed)))
    }
}

/// The quantum at a rate, in nanoseconds, where the processor is not scarce.
fn base_ns(rate_per_s: f64) -> f64 {
    if rate_per_s <= PRECISE_UP_TO {
        return 0.0;
    }
    if rate_per_s < FRUGAL_FROM {
        // From the gap between two arrivals, below which it would change nothing.
        let from_ns = 1e9 / PRECISE_UP_TO;
        let along = (rate_per_s - PRECISE_UP_TO) / (FRUGAL_FROM - PRECISE_UP_TO);
        return from_ns + along * (FRUGAL_NS - from_ns);
    }
    SHARED_BY * 1e9 / rate_per_s
}

fn stretched(stretch: f64, share: f64) -> f64 {
    if share > SCARCE.end {
        (stretch * 1.5).min(MOST_STRETCH)
    } else if share < SCARCE.start {
        (stretch / 1.5).max(1.0)
    } else {
        stretch
    }
}

/// Follows the rate at which arrivals are intended.
#[derive(Debug, Default)]
struct RateFollower {
    last: Option<u64>,
    gap_ns: f64,
}

/// The weight of the newest gap in the mean: some hundred gaps are remembered.
const NEWEST: f64 = 0.01;

impl RateFollower {
    fn note(&mut self, intended_ns: u64) {
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
    fn rate_per_s(&self) -> f64 {
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
    fn every_arrival_is_woken_for_while_they_are_rare() {
        for rate in [0.0, 1.0, 1_000.0, PRECISE_UP_TO] {
            assert_eq!(base_ns(rate), 0.0);
        }
    }

    #[test]
    fn wake_ups_per_second_stay_bounded_as_the_rate_grows() {
        let mut rate = PRECISE_UP_TO + 1.0;
        while rate < 200_000.0 {
            // The gap before the first arrival that is waited for is slept as well.
            let wake_ups = 1e9 / base_ns(rate).max(1e9 / rate);
            assert!(wake_ups <= PRECISE_UP_TO * 4.2, "{wake_ups} at {rate}/s");
            rate *= 1.1;
        }
        assert!((base_ns(FRUGAL_FROM) - FRUGAL_NS).abs() < 1.0);
        assert!((base_ns(FRUGAL_FROM - 1e-6) - FRUGAL_NS).abs() < 1.0);
    }

    #[test]
    fn it_grows_where_the_processor_is_scarce_and_shrinks_back() {
        let mut quantum = Quantum::new(0, 0);
        for arrival in 0..1_000_u64 {
            quantum.note(arrival * 50_000);
        }
        let (mut now, mut cpu) = (0, 0);
        let mut run = |share: f64, quantum: &mut Quantum| {
            for _ in 0..20 {
                now += LOOK_EVERY_NS;
                cpu += (LOOK_EVERY_NS as f64 * share) as u64;
                quantum.choose(now, || cpu);
            }
            quantum.choose(now, || cpu)
        };
        let plain = run(0.2, &mut quantum);
        let stretched = run(0.9, &mut quantum);
        assert_eq!(stretched.as_micros(), 4 * plain.as_micros());
        assert_eq!(
            run(0.6, &mut quantum),
            stretched,
            "between the two, it stays"
        );
        assert_eq!(run(0.2, &mut quantum), plain);
    }

    #[test]
    fn what_was_chosen_is_remembered_as_a_range() {
        let chosen = QuantumRange::default();
        assert_eq!(chosen.range_ns(), None);
        for micros in [300, 0, 600] {
            chosen.note(Duration::from_micros(micros));
        }
        assert_eq!(chosen.range_ns(), Some((0, 600_000)));
    }
}
