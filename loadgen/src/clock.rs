//! The clock of a run.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds since the start of the run, monotonic. Reads zero before the start.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    start: OnceLock<Instant>,
}

impl Clock {
    /// Sets the start, which may be in the future. Later calls have no effect.
    pub(crate) fn start_at(&self, start: Instant) {
        let _ = self.start.set(start);
    }

    /// The time now.
    pub(crate) fn now(&self) -> u64 {
        self.start
            .get()
            .map_or(0, |start| nanoseconds(start.elapsed()))
    }

    /// Time until the start; zero if it has passed or is not set.
    pub(crate) fn until_start(&self) -> Duration {
        self.start.get().map_or(Duration::ZERO, |start| {
            start.saturating_duration_since(Instant::now())
        })
    }
}

/// Nanoseconds since the first call, monotonic.
pub(crate) fn steady_ns() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    nanoseconds(BEGAN.get_or_init(Instant::now).elapsed())
}

/// A duration in nanoseconds, saturating at 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_zero_before_start() {
        let clock = Clock::default();
        assert_eq!(clock.now(), 0);
        clock.start_at(Instant::now() + Duration::from_secs(60));
        assert_eq!(clock.now(), 0);
        assert!(clock.until_start() > Duration::from_secs(50));
    }
}
