//! The time that a call of a script may take.

use std::cell::Cell;
use std::time::Duration;

/// What one call of a script may take of the processor.
pub(super) const LONGEST_CALL: Duration = Duration::from_millis(10);

/// From when on the processor's time is looked at, which is dearer to ask for than the wall's. Most
/// calls are over by then.
const UNWATCHED: Duration = Duration::from_millis(1);

/// Operations of the interpreter between two looks at the clock. One of them takes some 100 µs at
/// worst: what a function does with the longest text.
const OPERATIONS_A_LOOK: u64 = 16;

/// The clocks that a script's time is measured by, both of them monotonic and in nanoseconds.
///
/// What counts is the processor's time: a script waits for nothing, so that the rest is what others
/// on the machine have taken from it, and is not to be blamed on a request.
#[derive(Debug, Clone, Copy)]
pub struct ScriptClock {
    /// The time on the wall.
    pub wall_ns: fn() -> u64,
    /// The processor's time that this thread has used.
    pub thread_cpu_ns: fn() -> u64,
}

/// A call under way.
#[derive(Clone, Copy)]
struct Watch {
    clock: ScriptClock,
    began_ns: u64,
    /// The processor's time when the call was first watched.
    cpu_ns: Option<u64>,
}

thread_local! {
    // The interpreter's hook is made once for all calls, and told nothing of the one that is running.
    static WATCH: Cell<Option<Watch>> = const { Cell::new(None) };
}

impl ScriptClock {
    /// Makes a call whose time is bounded by [`LONGEST_CALL`].
    pub(super) fn bounding<T>(self, call: impl FnOnce() -> T) -> T {
        /// Ends the watch, also where the call panics.
        struct End;
        impl Drop for End {
            fn drop(&mut self) {
                WATCH.set(None);
            }
        }
        WATCH.set(Some(Watch {
            clock: self,
            began_ns: (self.wall_ns)(),
            cpu_ns: None,
        }));
        let _end = End;
        call()
    }
}

/// Tells whether the call that is running on this thread has taken too long; asked after each
/// operation.
pub(super) fn is_over(operations: u64) -> bool {
    if !operations.is_multiple_of(OPERATIONS_A_LOOK) {
        return false;
    }
    let Some(mut watch) = WATCH.get() else {
        return false;
    };
    let wall = (watch.clock.wall_ns)().saturating_sub(watch.began_ns);
    if wall < nanoseconds(UNWATCHED) {
        return false;
    }
    let Some(began) = watch.cpu_ns else {
        watch.cpu_ns = Some((watch.clock.thread_cpu_ns)());
        WATCH.set(Some(watch));
        return false;
    };
    wall >= nanoseconds(LONGEST_CALL)
        && (watch.clock.thread_cpu_ns)().saturating_sub(began)
            >= nanoseconds(LONGEST_CALL - UNWATCHED)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static WALL: Cell<u64> = const { Cell::new(0) };
        static CPU: Cell<u64> = const { Cell::new(0) };
    }

    #[test]
    fn the_processors_time_counts_and_not_the_walls() {
        let clock = ScriptClock {
            wall_ns: || WALL.get(),
            thread_cpu_ns: || CPU.get(),
        };
        let pass = |wall_ms: u64, cpu_ms: u64| {
            WALL.set(WALL.get() + wall_ms * 1_000_000);
            CPU.set(CPU.get() + cpu_ms * 1_000_000);
            is_over(16)
        };
        clock.bounding(|| {
            assert!(!pass(1, 1));
            assert!(!pass(500, 1), "it was others' time");
            assert!(!pass(7, 7));
            assert!(!is_over(17));
            assert!(pass(2, 2));
        });
        assert!(!pass(100, 100), "no call is running");
    }
}
