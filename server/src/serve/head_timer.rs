//! The timer by which a connection waits for the head of its next request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// A timer of the runtime.
type Kept = Pin<Box<tokio::time::Sleep>>;

/// The timer of one connection, which is kept from request to request.
///
/// For each request hyper takes a timer and drops it once the head has come, which enters it with the runtime, under a lock,
/// and takes it back. One that is entered is put off without.
#[derive(Debug, Clone, Default)]
pub(super) struct HeadTimer {
    kept: Arc<Mutex<Option<Kept>>>,
}

/// A wait, which gives the timer back when it is over.
struct Wait {
    timer: HeadTimer,
    sleep: Option<Kept>,
}

impl HeadTimer {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let kept = self.slot().take();
        let sleep = match kept {
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
    async fn a_timer_that_is_kept_waits_for_the_new_moment() {
        let timer = HeadTimer::default();
        let (short, long) = (Duration::from_millis(20), Duration::from_millis(80));
        let mut first = timer.sleep(short);
        // Entered, and not over yet.
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        let kept = |timer: &HeadTimer| timer.slot().as_ref().map(|sleep| &raw const **sleep);
        let before = kept(&timer);
        assert!(before.is_some());
        let began = Instant::now();
        timer.sleep(long).await;
        assert!(began.elapsed() >= long);
        assert_eq!(kept(&timer), before);
        // And for an earlier one, and one that is past.
        let began = Instant::now();
        let mut again = timer.sleep(10 * long);
        assert!(futures_util::poll!(&mut again).is_pending());
        drop(again);
        timer.sleep(short).await;
        timer.sleep_until(began).await;
        assert!(began.elapsed() >= short && began.elapsed() < 9 * long);
    }
}
