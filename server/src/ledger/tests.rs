use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::*;

const MS: u64 = 1_000_000;

/// Runs a future in a task with a ledger.
async fn record<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Entries {
    tokio::spawn(Lane::of_task(future)).await.unwrap().1
}

fn sum(entries: &Entries) -> u64 {
    Part::ALL.iter().map(|part| entries.ns(*part)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_waits_threads_and_tasks() {
    let entries = record(async {
        sleep(Duration::from_millis(10)).await;
        {
            let mut span = enter(Part::Pool);
            sleep(Duration::from_millis(20)).await;
            span.change(Part::Sql);
            sleep(Duration::from_millis(30)).await;
        }
        let work = || {
            let _span = enter(Part::Cache);
            std::thread::sleep(Duration::from_millis(40));
        };
        blocking(work).await.unwrap();
        let load = async {
            let _span = enter(Part::Files);
            sleep(Duration::from_millis(50)).await;
        };
        task(load).await.unwrap();
        let _waiting = enter(Part::Sched);
        let mut work = Work::begin(Part::Queue);
        let thread = move || {
            std::thread::sleep(Duration::from_millis(60));
            work.change(Part::Commit);
            std::thread::sleep(Duration::from_millis(70));
            work.finish();
            work
        };
        let work = tokio::task::spawn_blocking(thread).await.unwrap();
        work.absorb(Part::Sched);
    })
    .await;
    for (part, ms) in [
        (Part::Rest, 10),
        (Part::Pool, 20),
        (Part::Sql, 30),
        (Part::Cache, 40),
        (Part::Files, 50),
        (Part::Queue, 60),
        (Part::Commit, 70),
    ] {
        // A timer starts a little before the task is suspended.
        assert!(entries.ns(part) >= (ms - 2) * MS, "{part:?} in {entries:?}");
    }
    assert_eq!(sum(&entries), entries.total_ns());
    // Other code of this thread has no ledger.
    assert!(!is_recording());
}

/// One thread polls all tasks, so that a task that was woken waits for the one that keeps the thread.
#[tokio::test]
async fn wait_for_thread_is_sched() {
    let ready = Arc::new(AtomicU64::new(0));
    let woken = Arc::clone(&ready);
    let recording = record(async move {
        let _span = enter(Part::Pool);
        sleep(Duration::from_millis(10)).await;
        ready.store(now_ns(), Ordering::Relaxed);
    });
    let busy = async {
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(20));
        tokio::task::yield_now().await;
        // The timer has fired; the thread is kept once more.
        std::thread::sleep(Duration::from_millis(30));
    };
    let (entries, ()) = tokio::join!(recording, busy);
    assert!(woken.load(Ordering::Relaxed) > 0);
    assert!(entries.ns(Part::Sched) >= 15 * MS, "{entries:?}");
    assert_eq!(sum(&entries), entries.total_ns());
}

#[tokio::test]
async fn panic_leaves_no_ledger_behind() {
    let task = tokio::spawn(Lane::of_task(async { panic!("planted") }));
    assert!(task.await.unwrap_err().is_panic());
    assert!(!is_recording());
}

#[test]
fn nothing_is_recorded_without_ledger() {
    let mut span = enter(Part::Sql);
    span.change(Part::Pool);
    assert!(!is_recording());
}
