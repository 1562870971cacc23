//! Timeout for the head of the next request on a connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// Timer of the runtime.
type TokioSleep = Pin<Box<tokio::time::Sleep>>;

/// Timer of one connection, reused from request to request.
///
/// hyper creates a timer for each request and drops it when the head has arrived. Each time, the runtime
/// registers and removes the timer under a lock. Resetting a registered timer to a later time is free.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadTimer {
    idle: Arc<Mutex<Option<TokioSleep>>>,
}

/// Wait that returns its timer when dropped.
struct Wait {
    timer: HeadTimer,
    sleep: Option<TokioSleep>,
}

impl HeadTimer {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<TokioSleep>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let idle = self.slot().take();
        let sleep = match idle {
            Some(mut sleep) => {
                sleep.as_mut().reset(deadline.into());
                sleep
            }
            None => Box::pin(tokio::time::sleep_until(deadline.into())),
        };
        Box::pin(Wait {
            timer: self.clone(),
            sleep: Some(sleep),
        })
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }
}

impl Sleep for Wait {}

impl Drop for Wait {
    fn drop(&mut self) {
        *self.timer.slot() = self.sleep.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reused_timer_waits_for_new_deadline() {
        let timer = HeadTimer::default();
        let (short, long) = (Duration::from_millis(20), Duration::from_millis(80));
        let mut first = timer.sleep(short);
        // Registered, and not expired.
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        let idle = |timer: &HeadTimer| timer.slot().as_ref().map(|sleep| &raw const **sleep);
        let before = idle(&timer);
        assert!(before.is_some());
        let began = Instant::now();
        timer.sleep(long).await;
        assert!(began.elapsed() >= long);
        assert_eq!(idle(&timer), before);
        // Also for an earlier deadline, and one in the past.
        let began = Instant::now();
        let mut again = timer.sleep(10 * long);
        assert!(futures_util::poll!(&mut again).is_pending());
        drop(again);
        timer.sleep(short).await;
        timer.sleep_until(began).await;
        assert!(began.elapsed() >= short && began.elapsed() < 9 * long);
    }
}
