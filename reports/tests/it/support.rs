//! Optional tools of tests, and data that several tests report on.

use tenfold_analysis::summarise;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_reports::index::{Index, IndexedRun};
use tenfold_run_dir::off_cpu::{Idleness, OffCpuMethod, WaitKind, WaitSum};
use tenfold_run_dir::{Flamegraph, OffCpuInfo, OffCpuProfile, Run};

/// Reports why a test is skipped.
///
/// # Panics
/// If the environment variable `CI` is set and not empty: CI runs every test.
#[expect(clippy::print_stderr, reason = "a test reports why it is skipped")]
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "tests must not be skipped in CI: {reason}"
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

/// Returns a run with every kind of section: steps, failures, metrics, a profile.
pub(crate) fn full() -> Run {
    let mut run = MadeUp {
        traffic: Traffic {
            per_second: 200.0,
            peak_per_second: 200.0,
            warm_up_s: 2,
            counted_s: 24,
            even: false,
        },
        steps: vec![150.0, 300.0, 450.0],
        failing: 0.02,
        rules: vec![
            "p99 < 250ms in \"day\"".to_owned(),
            "errors < 1%".to_owned(),
        ],
        ..MadeUp::default()
    }
    .play();
    let stacks = "main;serve;read 30\nmain;serve;write 50\nmain;serve;write;sync 15\nmain;idle 5\n";
    run.flamegraph = Some(Flamegraph::Stacks(
        stacks.parse().expect("the stacks are well-formed"),
    ));
    run.off_cpu = Some(waits());
    run
}

/// Returns an index of runs, with one that can't be read.
pub(crate) fn list_of(runs: &[&Run]) -> Index {
    let indexed = runs.iter().map(|run| IndexedRun {
        path: run.manifest.scenario.clone(),
        link: Some("./a/report.html".to_owned()),
        achieved: vec![1.0, 5.0, 3.0],
        summary: summarise(run),
    });
    Index {
        runs: indexed.collect(),
        unreadable: vec!["runs/broken: it is empty".to_owned()],
    }
}
