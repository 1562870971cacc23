//! Time off the CPU.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use tenfold_profiler::{Profile, Wait};
use tenfold_run_dir::off_cpu::{Idleness, WaitKind};

use crate::support::by_perf_events;
use crate::target::{MAIN_THREAD, Target};

/// The waits of a thread pool in a function: their time as a share of the profile's length.
fn share_of(profile: &Profile, pool: &str, is: impl Fn(&Wait) -> bool) -> f64 {
    let off_cpu = profile.off_cpu.as_ref().unwrap();
    let waits = off_cpu
        .waits
        .iter()
        .filter(|wait| wait.frames[0] == pool && is(wait));
    let ns: u64 = waits.map(|wait| wait.ns).sum();
    ns as f64 / profile.duration.as_nanos() as f64
}

#[test]
fn names_the_functions_that_wait_and_for_what() {
    let target = Target::start("wait");
    // The threads start meanwhile.
    std::thread::sleep(Duration::from_millis(300));
    let Some(profile) = by_perf_events(target.pid(), Duration::from_secs(3)) else {
        return;
    };
    let off_cpu = profile.off_cpu.as_ref().unwrap();
    let all = off_cpu.folded(|_| true);
    for (pool, function, kind) in [
        ("sleeper", "sleep_in_a_named_function", WaitKind::Sleep),
        ("reader", "read_in_a_named_function", WaitKind::Pipe),
        ("locker", "lock_in_a_named_function", WaitKind::Lock),
    ] {
        // On a busy machine, the threads wait for a CPU as well.
        let waits = share_of(&profile, pool, |wait| wait.kind != WaitKind::RunQueue);
        let named = share_of(&profile, pool, |wait| {
            let named = wait.frames.iter().any(|frame| frame.contains(function));
            named
                && wait.kind == kind
                && wait.idleness == Idleness::Blocked
                && wait.function.is_some()
        });
        assert!(
            named >= 0.9 * waits && waits > 0.2,
            "{pool}: {named} of {waits} in\n{all}"
        );
    }
    assert!(off_cpu.expected > 50, "{} waits", off_cpu.expected);
    assert!(
        off_cpu.captured as f64 >= 0.9 * off_cpu.expected as f64,
        "{} of {} waits, {} lost",
        off_cpu.captured,
        off_cpu.expected,
        off_cpu.lost
    );
}

#[test]
fn waits_and_work_of_a_thread_add_up_to_the_time() {
    let target = Target::start("wait");
    std::thread::sleep(Duration::from_millis(300));
    let Some(profile) = by_perf_events(target.pid(), Duration::from_secs(3)) else {
        return;
    };
    let ns_per_sample = profile.on_cpu.ns_per_sample();
    for pool in ["sleeper", "reader", "writer", "locker", "holder"] {
        let stacks = profile.on_cpu.stacks.iter();
        let samples: u64 = stacks
            .filter(|(frames, _)| frames[0] == pool)
            .map(|(_, samples)| samples)
            .sum();
        let busy = samples as f64 * ns_per_sample / profile.duration.as_nanos() as f64;
        let sum = share_of(&profile, pool, |_| true) + busy;
        assert!((0.9..=1.1).contains(&sum), "{pool}: {sum}");
    }
    // The main thread waits for the others from before the profile until after it.
    let main = share_of(&profile, MAIN_THREAD, |_| true);
    assert!((0.9..=1.1).contains(&main), "{main}");
}
