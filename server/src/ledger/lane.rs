//! Lane: a future with entries of its own.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Entries, WakeClock, as_current, now_ns};

/// Future that records where its time goes. Returns its output with the finished entries.
pub(crate) struct Lane<F> {
    future: Pin<Box<F>>,
    clock: Arc<WakeClock>,
    entries: Entries,
}

impl<F: Future> Lane<F> {
    /// Records the time of a future from a wake-up on. `clock` must be that of the task.
    pub(crate) fn new(future: F, clock: Arc<WakeClock>) -> Self {
        clock.turn_on();
        let now_ns = now_ns();
        let woken_ns = clock.take_cause();
        let mut entries = Entries::new(woken_ns.unwrap_or(now_ns));
        entries.resume(woken_ns, now_ns);
        Self {
            future: Box::pin(future),
            clock,
            entries,
        }
    }

    /// Records the time of a future from now on. For a task that is spawned now.
    pub(crate) fn of_task(future: F) -> impl Future<Output = (F::Output, Entries)> {
        let clock = WakeClock::new();
        let own = Arc::clone(&clock);
        clock.watch(async move { Self::new(future, own).await })
    }
}

impl<F: Future> Future for Lane<F> {
    type Output = (F::Output, Entries);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            future,
            clock,
            entries,
        } = &mut *self;
        entries.resume(clock.take_cause(), now_ns());
        let polled = as_current(entries, || future.as_mut().poll(context));
        match polled {
            Poll::Ready(output) => {
                entries.charge(now_ns());
                Poll::Ready((output, std::mem::take(entries)))
            }
            Poll::Pending => {
                entries.suspend(now_ns());
                Poll::Pending
            }
        }
    }
}
