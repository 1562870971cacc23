//! The pacer's quantum: its shortest sleep.
//!
//! A sleep and a wake-up cost more than sending a request, so a wake-up per arrival is affordable only
//! at low rates. At higher rates, arrivals that are due within one quantum are sent together: the last
//! on time, the first late by up to the quantum, which the lag shows. The trade-off between cost and
//! lag was measured: `docs/adr/0007-choose-the-pacing-quantum-from-the-rate.md`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::nanoseconds;

/// The highest rate, per second, at which each arrival has its own wake-up.
const PRECISE_RATE_MAX: f64 = 4_000.0;

/// The rate, per second, from which the cost of a wake-up, shared by many arrivals, is negligible.
const BATCHED_RATE_MIN: f64 = 20_000.0;

/// The quantum at that rate, in nanoseconds; the longest without CPU pressure.
const QUANTUM_NS_MAX: f64 = 600_000.0;

/// Arrivals per wake-up at that rate and above.
const ARRIVALS_PER_WAKE_UP: f64 = BATCHED_RATE_MIN * QUANTUM_NS_MAX / 1e9;

/// CPU utilization of the generator's thread: above the end of this range the quantum grows, below its
/// start it shrinks.
const CPU_PRESSURE: std::ops::Range<f64> = 0.5..0.75;

/// The largest factor by which CPU pressure lengthens the quantum.
const STRETCH_MAX: f64 = 4.0;

/// Chooses the quantum from the intended arrival rate and the generator's CPU utilization.
#[derive(Debug)]
pub(crate) struct Quantum {
    rate: RateFollower,
    stretch: f64,
    checked_at_ns: u64,
    cpu_ns: u64,
}

/// The interval between measurements of CPU utilization, in nanoseconds.
const CPU_CHECK_INTERVAL_NS: u64 = 100_000_000;

impl Quantum {
    /// Starts at `now_ns`, when the generator's thread has used `cpu_ns` of CPU time.
    pub(crate) fn new(now_ns: u64, cpu_ns: u64) -> Self {
        Self {
            rate: RateFollower::default(),
            stretch: 1.0,
            checked_at_ns: now_ns,
            cpu_ns,
        }
    }

    /// Adds an arrival's intended time to the rate.
    pub(crate) fn note(&mut self, intended_ns: u64) {
        self.rate.note(intended_ns);
    }

    /// Chooses the quantum for a sleep that begins now. `cpu_ns` reads the CPU time of the generator's
    /// thread; it is called every 100 ms.
    pub(crate) fn choose(&mut self, now_ns: u64, cpu_ns: impl FnOnce() -> u64) -> Duration {
        let since = now_ns.saturating_sub(self.checked_at_ns);
        if since >= CPU_CHECK_INTERVAL_NS {
            let cpu_ns = cpu_ns();
            let share = cpu_ns.saturating_sub(self.cpu_ns) as f64 / since as f64;
            self.stretch = stretched(self.stretch, share);
            (self.checked_at_ns, self.cpu_ns) = (now_ns, cpu_ns);
        }
        let base_ns = base_ns(self.rate.rate_per_s());
        Duration::from_nanos((base_ns * self.stretch) as u64)
    }
}

/// The range of the quanta chosen so far.
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
    /// Adds a quantum.
    pub(crate) fn note(&self, quantum: Duration) {
        let ns = nanoseconds(quantum);
        self.shortest_ns.fetch_min(ns, Ordering::Relaxed);
        self.longest_ns.fetch_max(ns, Ordering::Relaxed);
    }

    /// The shortest and the longest, in nanoseconds. `None` before the first.
    pub(crate) fn range_ns(&self) -> Option<(u64, u64)> {
        let shortest = self.shortest_ns.load(Ordering::Relaxed);
        (shortest != u64::MAX).then(|| (shortest, self.longest_ns.load(Ordering::Relaxed)))
    }
}

/// The quantum at a rate, in nanoseconds, without CPU pressure.
fn base_ns(rate_per_s: f64) -> f64 {
    if rate_per_s <= PRECISE_RATE_MAX {
        return 0.0;
    }
    if rate_per_s < BATCHED_RATE_MIN {
        // A quantum shorter than the gap between two arrivals would have no effect.
        let from_ns = 1e9 / PRECISE_RATE_MAX;
        let along = (rate_per_s - PRECISE_RATE_MAX) / (BATCHED_RATE_MIN - PRECISE_RATE_MAX);
        return from_ns + along * (QUANTUM_NS_MAX - from_ns);
    }
    ARRIVALS_PER_WAKE_UP * 1e9 / rate_per_s
}

fn stretched(stretch: f64, share: f64) -> f64 {
    if share > CPU_PRESSURE.end {
        (stretch * 1.5).min(STRETCH_MAX)
    } else if share < CPU_PRESSURE.start {
        (stretch / 1.5).max(1.0)
    } else {
        stretch
    }
}

/// Estimates the intended arrival rate.
#[derive(Debug, Default)]
struct RateFollower {
    last: Option<u64>,
    gap_ns: f64,
}

/// The weight of the newest gap in the moving average, which covers about 100 gaps.
const NEWEST_WEIGHT: f64 = 0.01;

impl RateFollower {
    fn note(&mut self, intended_ns: u64) {
        if let Some(last) = self.last {
            let gap = intended_ns.saturating_sub(last) as f64;
            self.gap_ns = if self.gap_ns == 0.0 {
                gap
            } else {
                self.gap_ns + NEWEST_WEIGHT * (gap - self.gap_ns)
            };
        }
        self.last = Some(intended_ns);
    }

    /// The rate, per second; zero before the second arrival.
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
    fn estimates_rate_of_even_arrivals() {
        let mut follower = RateFollower::default();
        for arrival in 0..1_000_u64 {
            follower.note(arrival * 50_000);
        }
        assert!((follower.rate_per_s() - 20_000.0).abs() < 1e-6);
    }

    #[test]
    fn wakes_for_every_arrival_at_low_rates() {
        for rate in [0.0, 1.0, 1_000.0, PRECISE_RATE_MAX] {
            assert_eq!(base_ns(rate), 0.0);
        }
    }

    #[test]
    fn bounds_wake_ups_at_any_rate() {
        let mut rate = PRECISE_RATE_MAX + 1.0;
        while rate < 200_000.0 {
            // The sleep also includes the gap before the next arrival.
            let wake_ups = 1e9 / base_ns(rate).max(1e9 / rate);
            assert!(wake_ups <= PRECISE_RATE_MAX * 4.2, "{wake_ups} at {rate}/s");
            rate *= 1.1;
        }
        assert!((base_ns(BATCHED_RATE_MIN) - QUANTUM_NS_MAX).abs() < 1.0);
        assert!((base_ns(BATCHED_RATE_MIN - 1e-6) - QUANTUM_NS_MAX).abs() < 1.0);
    }

    #[test]
    fn grows_under_cpu_pressure_and_shrinks_back() {
        let mut quantum = Quantum::new(0, 0);
        for arrival in 0..1_000_u64 {
            quantum.note(arrival * 50_000);
        }
        let (mut now, mut cpu) = (0, 0);
        let mut run = |share: f64, quantum: &mut Quantum| {
            for _ in 0..20 {
                now += CPU_CHECK_INTERVAL_NS;
                cpu += (CPU_CHECK_INTERVAL_NS as f64 * share) as u64;
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
            "within the range it is unchanged"
        );
        assert_eq!(run(0.2, &mut quantum), plain);
    }

    #[test]
    fn range_covers_chosen_quanta() {
        let chosen = QuantumRange::default();
        assert_eq!(chosen.range_ns(), None);
        for micros in [300, 0, 600] {
            chosen.note(Duration::from_micros(micros));
        }
        assert_eq!(chosen.range_ns(), Some((0, 600_000)));
    }
}
