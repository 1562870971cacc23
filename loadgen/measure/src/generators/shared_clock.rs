//! Instants that all processes of this machine share.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Readings of both clocks, of which the quickest counts.
const READINGS: u32 = 5;

/// Returns the monotonic clock of this machine, in nanoseconds since a moment in the past that all processes share.
pub fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000) + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Returns an instant, and the nanoseconds of the monotonic clock at it. They are less than a microsecond apart, unless the
/// process is interrupted at every reading.
fn now() -> (Instant, u64) {
    let reading = |_| {
        let before = Instant::now();
        let ns = monotonic_ns();
        let took = before.elapsed();
        (took, before + took / 2, ns)
    };
    let quickest = (0..READINGS).map(reading).min_by_key(|(took, ..)| *took);
    quickest.map_or_else(|| (Instant::now(), monotonic_ns()), |(_, at, ns)| (at, ns))
}

/// Returns an instant as nanoseconds of the monotonic clock. An instant before the clock's start becomes 0.
pub fn ns_of(instant: Instant) -> u64 {
    let (now, now_ns) = now();
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    match instant.checked_duration_since(now) {
        Some(ahead) => now_ns.saturating_add(ns(ahead)),
        None => now_ns.saturating_sub(ns(now.saturating_duration_since(instant))),
    }
}

/// Returns the instant at which the monotonic clock reads this many nanoseconds. `None` if this program can't represent it.
pub fn instant_of(at_ns: u64) -> Option<Instant> {
    let (now, now_ns) = now();
    match at_ns.checked_sub(now_ns) {
        Some(ahead) => now.checked_add(Duration::from_nanos(ahead)),
        None => now.checked_sub(Duration::from_nanos(now_ns - at_ns)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Most that an interrupted reading of the clocks may be off in a test on a busy machine.
    const TOLERANCE: Duration = Duration::from_millis(5);

    #[test]
    fn instants_survive_the_way_through_the_clock() {
        let now = Instant::now();
        for instant in [
            now,
            now + Duration::from_secs(3),
            now - Duration::from_millis(3),
        ] {
            let back = instant_of(ns_of(instant)).unwrap();
            let apart = back.max(instant) - back.min(instant);
            assert!(apart < TOLERANCE, "{apart:?}");
        }
    }

    #[test]
    fn instant_beyond_the_clock_is_none_or_far() {
        assert!(instant_of(u64::MAX).is_none_or(|far| far > Instant::now()));
    }
}
