//! Clock of a task's wake-ups.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::now_ns;

/// Times at which a task was woken, to tell its wait for a thread from its other waits.
///
/// Off until the first request with a ledger, so that a task without one reads no clock.
#[derive(Debug, Default)]
pub(crate) struct WakeClock {
    on: AtomicBool,
    /// First wake-up since the last poll. 0 if none.
    woken_ns: AtomicU64,
    /// Wake-up that caused the current poll. 0 if unknown, or taken.
    cause_ns: AtomicU64,
}

/// Future that notes the wake-ups of its task.
pub(crate) struct Clocked<F> {
    future: Pin<Box<F>>,
    clock: Arc<WakeClock>,
    /// Waker of the task, and ours around it.
    wakers: Option<(Waker, Waker)>,
}

/// Waker that notes the time.
struct NotingWaker {
    clock: Arc<WakeClock>,
    task: Waker,
}

impl WakeClock {
    /// Creates the clock of a task that is spawned now.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            woken_ns: AtomicU64::new(now_ns()),
            ..Self::default()
        })
    }

    /// Notes the wake-ups of the task that polls `future`.
    pub(crate) fn watch<F: Future>(self: &Arc<Self>, future: F) -> Clocked<F> {
        Clocked {
            future: Box::pin(future),
            clock: Arc::clone(self),
            wakers: None,
        }
    }

    /// Starts to note wake-ups.
    pub(crate) fn turn_on(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    /// Returns the time of the wake-up that caused the current poll, once. `None` if it is unknown.
    pub(crate) fn take_cause(&self) -> Option<u64> {
        match self.cause_ns.load(Ordering::Relaxed) {
            0 => None,
            _ => Some(self.cause_ns.swap(0, Ordering::Relaxed)).filter(|ns| *ns > 0),
        }
    }

    fn wake(&self) {
        if self.on.load(Ordering::Relaxed) && self.woken_ns.load(Ordering::Relaxed) == 0 {
            self.woken_ns.store(now_ns(), Ordering::Relaxed);
        }
    }

    fn begin_poll(&self) {
        let woken_ns = match self.woken_ns.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.woken_ns.swap(0, Ordering::Relaxed),
        };
        self.cause_ns.store(woken_ns, Ordering::Relaxed);
    }
}

impl<F: Future> Future for Clocked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.clock.begin_poll();
        let task = context.waker();
        let (_, noting) = match &mut this.wakers {
            Some(wakers) if wakers.0.will_wake(task) => wakers,
            wakers => wakers.insert((
                task.clone(),
                Waker::from(Arc::new(NotingWaker {
                    clock: Arc::clone(&this.clock),
                    task: task.clone(),
                })),
            )),
        };
        this.future.as_mut().poll(&mut Context::from_waker(noting))
    }
}

impl Wake for NotingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.clock.wake();
        self.task.wake_by_ref();
    }
}
