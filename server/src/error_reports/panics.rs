//! Panics of handlers, caught.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;

thread_local! {
    /// Source file and line of the last panic of the thread.
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panicked {
    /// Source file and line. `None` unless [`note_locations`] was called.
    pub(crate) location: Option<String>,
    /// Its text, if it is a literal.
    pub(crate) message: Option<&'static str>,
}

/// Has the locations of panics noted from now on, for all threads. Panics are printed as before.
pub(crate) fn note_locations() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let location = info
                .location()
                .map(|own| format!("{}:{}", own.file(), own.line()));
            LOCATION.with(|last| *last.borrow_mut() = location);
            before(info);
        }));
    });
}

/// Runs a future, and returns its panic instead of unwinding further.
///
/// The future is dropped after a panic. State that the future shares with other tasks has to survive a panic, as in a task of its own.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(Panicked {
                location: LOCATION.with(|last| last.borrow_mut().take()),
                message: literal(&*payload),
            })),
        }
    })
    .await
}

/// Returns the text of a panic if it is a literal. A formatted text may contain values.
fn literal(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_is_caught_with_its_place_and_literal() {
        note_locations();
        let fails = async {
            tokio::task::yield_now().await;
            panic!("out of tea");
        };
        let panicked = caught::<()>(fails).await.unwrap_err();
        assert_eq!(panicked.message, Some("out of tea"));
        let location = panicked.location.unwrap();
        assert!(location.contains("panics.rs:"), "{location}");
        assert_eq!(caught(async { 7 }).await, Ok(7));
    }

    #[tokio::test]
    async fn values_of_a_panic_are_left_out() {
        let handle = String::from("alice");
        let panicked = caught(async { panic!("no user {handle}") }).await;
        let panicked: Panicked = panicked.map(|(): ()| ()).unwrap_err();
        assert_eq!(panicked.message, None);
    }
}
