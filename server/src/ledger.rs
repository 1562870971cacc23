//! Ledger of a request: where its wall time goes, in parts that do not overlap.
//!
//! Only requests with a sampled `traceparent` have one. It belongs to the task that serves the request and is
//! reached through a thread-local variable that is set while the task is polled, so that stores, pools and
//! caches need no extra argument. For other requests, [`enter`] finds the variable empty and does nothing.
//!
//! Work on another thread or task records into entries of its own ([`blocking`], [`task`], [`Work`]), which the
//! waiting request absorbs. So no ledger is shared, and none needs a lock.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::Instant;

use tokio::task::JoinError;

mod entries;
mod lane;
mod part;
mod sampling;
mod server_timing;
mod span;
mod wake_clock;
#[cfg(feature = "sqlite")]
mod work;

pub(crate) use entries::Entries;
pub(crate) use lane::Lane;
pub(crate) use part::Part;
pub(crate) use sampling::is_sampled;
pub(crate) use server_timing::{SERVER_TIMING, server_timing};
pub(crate) use span::Span;
pub(crate) use wake_clock::WakeClock;
#[cfg(feature = "sqlite")]
pub(crate) use work::Work;

thread_local! {
    /// Entries of the task that this thread polls, if they are recorded.
    static CURRENT: RefCell<Option<Entries>> = const { RefCell::new(None) };
}

/// Enters a part until the span is dropped, and pauses the part around it. Does nothing without a ledger.
pub(crate) fn enter(part: Part) -> Span {
    Span::enter(part)
}

/// Returns true if the current task records a ledger.
pub(crate) fn is_recording() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// Moves time from a part to the parts of finished work that the request waited for in that part.
pub(crate) fn absorb(from: Part, work: &Entries) {
    with_current(|entries| {
        entries.charge(now_ns());
        entries.absorb(from, work);
    });
}

/// Runs work on a blocking thread. The wait for the thread, and the wait for this task after it, are `sched`.
///
/// # Errors
/// As [`tokio::task::spawn_blocking`].
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    if !is_recording() {
        return tokio::task::spawn_blocking(work).await;
    }
    let _waiting = enter(Part::Sched);
    let (value, entries) = tokio::task::spawn_blocking(|| recorded(work)).await?;
    absorb(Part::Sched, &entries);
    Ok(value)
}

/// Runs a future as a task of its own, which continues if the caller is cancelled. Waits for a thread, before
/// and after it, are `sched`.
///
/// # Errors
/// As the handle of [`tokio::spawn`].
pub(crate) async fn task<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, JoinError> {
    if !is_recording() {
        return tokio::spawn(future).await;
    }
    let _waiting = enter(Part::Sched);
    let (value, entries) = tokio::spawn(Lane::of_task(future)).await?;
    absorb(Part::Sched, &entries);
    Ok(value)
}

/// Runs work on this thread and records where its time goes.
fn recorded<T>(work: impl FnOnce() -> T) -> (T, Entries) {
    let mut entries = Entries::new(now_ns());
    let value = as_current(&mut entries, work);
    entries.charge(now_ns());
    (value, entries)
}

/// Makes entries the current ones while `work` runs. They are lost if it panics.
fn as_current<T>(entries: &mut Entries, work: impl FnOnce() -> T) -> T {
    /// Restores the entries around these, also after a panic.
    struct Restore(Option<Entries>);

    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }

    let own = std::mem::take(entries);
    let restore = Restore(CURRENT.replace(Some(own)));
    let value = work();
    if let Some(own) = CURRENT.take() {
        *entries = own;
    }
    drop(restore);
    value
}

fn with_current<T>(work: impl FnOnce(&mut Entries) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|current| current.as_mut().map(work))
}

/// Returns the monotonic time in nanoseconds, from 1.
pub(crate) fn now_ns() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

#[cfg(test)]
mod tests;
