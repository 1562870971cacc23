//! What is known without perf events, and errors.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tenfold_profiler::{Method, Options, ProfilerError, profile};
use tenfold_run_dir::off_cpu::WaitKind;

use crate::target::{MAIN_THREAD, Target};

fn states(pid: u32) -> Result<tenfold_profiler::Profile, ProfilerError> {
    let options = Options {
        duration: Duration::from_secs(2),
        method: Method::States,
        ..Options::default()
    };
    profile(&[pid], &options, &AtomicBool::new(false))
}

#[test]
fn states_show_waits_by_kernel_function() {
    let target = Target::start("wait");
    std::thread::sleep(Duration::from_millis(300));
    let profile = states(target.pid()).unwrap();
    let off_cpu = profile.off_cpu.as_ref().unwrap();
    let of = |pool: &str, kind: Option<WaitKind>| {
        let waits = off_cpu.waits.iter();
        let of_pool = waits
            .filter(|wait| wait.frames[0] == pool && kind.is_none_or(|kind| wait.kind == kind));
        of_pool.map(|wait| wait.ns).sum::<u64>() as f64 / profile.duration.as_nanos() as f64
    };
    for (pool, kind) in [
        ("sleeper", WaitKind::Sleep),
        ("reader", WaitKind::Pipe),
        ("locker", WaitKind::Condition),
    ] {
        // On a busy machine, the threads wait for a CPU as well.
        let all = of(pool, None);
        assert!(all > 0.2, "{pool}: {off_cpu:?}");
        // Other users may not see the kernel function.
        let hidden = off_cpu.waits.iter().all(|wait| wait.function.is_none());
        assert!(
            hidden || of(pool, Some(kind)) >= 0.8 * all,
            "{pool}: {off_cpu:?}"
        );
    }
    assert!(
        profile
            .limits
            .iter()
            .any(|limit| limit.contains("neither functions")),
        "{:?}",
        profile.limits
    );
}

#[test]
fn states_show_cpu_time_by_thread_pool() {
    let target = Target::start("burn");
    // It starts, and its threads get their names.
    std::thread::sleep(Duration::from_secs(1));
    let profile = states(target.pid()).unwrap();
    let on_cpu = &profile.on_cpu;
    // One sample of each thread may be cut off.
    assert!(on_cpu.captured as f64 + 4.0 > on_cpu.expected, "{on_cpu:?}");
    assert!(on_cpu.captured > 0, "{on_cpu:?}");
    let burner = on_cpu
        .stacks
        .iter()
        .all(|(frames, _)| frames.last().is_some_and(|pool| pool == MAIN_THREAD));
    assert!(burner, "{on_cpu:?}");
}

#[test]
fn refuses_what_it_can_not_profile() {
    let error = states(u32::MAX).unwrap_err();
    assert!(
        matches!(error, ProfilerError::NoProcess { pid: u32::MAX }),
        "{error}"
    );
    for options in [
        Options {
            hz: 0,
            ..Options::default()
        },
        Options {
            hz: 10_001,
            ..Options::default()
        },
        Options {
            duration: Duration::ZERO,
            ..Options::default()
        },
        Options {
            stacks_max: 0,
            ..Options::default()
        },
    ] {
        let error = profile(&[std::process::id()], &options, &AtomicBool::new(false)).unwrap_err();
        assert!(matches!(error, ProfilerError::Options(_)), "{error}");
    }
}
