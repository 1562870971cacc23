//! Wakes the pacer when it is due before its timer event is handled.
//!
//! The timer is one event among those of all connections. It queues behind them when thousands of
//! answers arrive at once, so every user that completes a request checks the time as well.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// An alarm for one sleeper.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// When to wake the sleeper; [`NEVER`] if it is awake.
    due_ns: AtomicU64,
    ring: Notify,
}

/// A time that is never reached.
const NEVER: u64 = u64::MAX;

impl Default for Alarm {
    fn default() -> Self {
        Self {
            due_ns: AtomicU64::new(NEVER),
            ring: Notify::new(),
        }
    }
}

impl Alarm {
    /// Sets the alarm and waits until [`Alarm::check`] is called at or after `due_ns`.
    pub(crate) async fn wait_until(&self, due_ns: u64) {
        self.due_ns.store(due_ns, Ordering::Relaxed);
        self.ring.notified().await;
    }

    /// Wakes the sleeper if it is due.
    pub(crate) fn check(&self, now_ns: u64) {
        if now_ns >= self.due_ns.load(Ordering::Relaxed) {
            self.due_ns.store(NEVER, Ordering::Relaxed);
            self.ring.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn rings_when_due() {
        let alarm = Alarm::default();
        let waiting = alarm.wait_until(100);
        let mut waiting = std::pin::pin!(waiting);
        let early = tokio::time::timeout(std::time::Duration::from_millis(5), waiting.as_mut());
        assert!(early.await.is_err());
        alarm.check(99);
        let early = tokio::time::timeout(std::time::Duration::from_millis(5), waiting.as_mut());
        assert!(early.await.is_err());
        alarm.check(100);
        waiting.await;
    }
}
