//! Optional tools of tests, and a profile of waits.

use tenfold_run_dir::off_cpu::{Idleness, OffCpuMethod, WaitKind, WaitSum};
use tenfold_run_dir::{OffCpuInfo, OffCpuProfile};

/// Skips a test that lacks a tool, or fails it if the variable `CI` is set.
///
/// # Panics
/// If `CI` is set: there, a test that does not run must not pass.
#[expect(clippy::print_stderr, reason = "a test reports why it is skipped")]
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "CI must run every test: {reason}"
    );
    eprintln!("skipped: {reason}");
}

/// Returns waits of a service: 3 s for a disk, 1 s for other threads, 36 s for work.
pub(crate) fn waits() -> OffCpuProfile {
    let wait = |kind, idleness, waits, s: u64| WaitSum {
        kind,
        idleness,
        waits,
        ns: s * 1_000_000_000,
    };
    let stacks = "pool;main;epoll_wait_[k];[idle: events] 36000000000\n\
                  pool;main;serve;fsync_[k];[blocked: disk] 3000000000\n\
                  pool;main;serve;take;[waits: condition] 1000000000\n";
    OffCpuProfile {
        info: OffCpuInfo {
            source: "process 7 (app), by perf events".to_owned(),
            method: OffCpuMethod::PerfEvents,
            threads: 4,
            start_ns: 20_000_000_000,
            duration_ns: 10_000_000_000,
            captured: 1_190,
            expected: 1_200,
            lost: 2,
            run_queue_ns: Some(50_000_000),
            waits: vec![
                wait(WaitKind::Events, Idleness::Idle, 900, 36),
                wait(WaitKind::Disk, Idleness::Blocked, 250, 3),
                wait(WaitKind::Condition, Idleness::Unknown, 50, 1),
            ],
            limits: vec!["1 thread ended meanwhile".to_owned()],
        },
        stacks: stacks.parse().expect("the stacks are well-formed"),
    }
}
