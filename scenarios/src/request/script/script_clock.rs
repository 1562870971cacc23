//! Time limit of script calls.

use std::cell::Cell;
use std::time::Duration;

/// Maximum CPU time of one call.
pub(super) const CALL_MAX: Duration = Duration::from_millis(10);

/// Wall-clock time after which CPU time is checked, which costs more to read. Most calls are over by
/// then.
const UNCHECKED: Duration = Duration::from_millis(1);

/// Interpreter operations between two checks of the clock. One operation takes at most about 100 µs,
/// with a string of maximum length.
const OPERATIONS_PER_CHECK: u64 = 16;

/// Clocks for the time limit of scripts, both monotonic and in nanoseconds.
///
/// The limit applies to CPU time. A script never waits, so any other time was spent on other processes
/// and is not its fault.
#[derive(Debug, Clone, Copy)]
pub struct ScriptClock {
    /// Wall-clock time.
    pub wall_ns: fn() -> u64,
    /// CPU time of this thread.
    pub thread_cpu_ns: fn() -> u64,
}

/// A call in progress.
#[derive(Clone, Copy)]
struct Watch {
    clock: ScriptClock,
    began_ns: u64,
    /// CPU time at the first check.
    cpu_ns: Option<u64>,
}

thread_local! {
    // The interpreter's hook is shared by all calls and has no argument for the current one.
    static WATCH: Cell<Option<Watch>> = const { Cell::new(None) };
}

impl ScriptClock {
    /// Runs a call with a time limit of [`CALL_MAX`].
    pub(super) fn bounding<T>(self, call: impl FnOnce() -> T) -> T {
        /// Ends the watch, even if the call panics.
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

/// Returns whether the current call on this thread exceeds its limit. Called after each operation.
pub(super) fn is_over(operations: u64) -> bool {
    if !operations.is_multiple_of(OPERATIONS_PER_CHECK) {
        return false;
    }
    let Some(mut watch) = WATCH.get() else {
        return false;
    };
    let wall = (watch.clock.wall_ns)().saturating_sub(watch.began_ns);
    if wall < nanoseconds(UNCHECKED) {
        return false;
    }
    let Some(began) = watch.cpu_ns else {
        watch.cpu_ns = Some((watch.clock.thread_cpu_ns)());
        WATCH.set(Some(watch));
        return false;
    };
    wall >= nanoseconds(CALL_MAX)
        && (watch.clock.thread_cpu_ns)().saturating_sub(began) >= nanoseconds(CALL_MAX - UNCHECKED)
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
    fn limits_cpu_time_instead_of_wall_time() {
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
            assert!(!pass(500, 1), "the CPU time was below the limit");
            assert!(!pass(7, 7));
            assert!(!is_over(17));
            assert!(pass(2, 2));
        });
        assert!(!pass(100, 100), "no call is running");
    }
}
