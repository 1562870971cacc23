//! Hatching of virtual users.

use std::time::Duration;

use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep_until};

/// Hatches the users with these numbers, each when all users below its number could have hatched at `per_second`.
/// `life` is the whole life of a user. Its argument is the user's number.
///
/// Ends when the last user has ended. Dropping the future ends all users.
pub(crate) async fn hatch<L>(
    numbers: impl Iterator<Item = u32>,
    per_second: f64,
    life: impl Fn(u64) -> L,
) where
    L: Future<Output = ()> + Send + 'static,
{
    let began = Instant::now();
    let mut alive = JoinSet::new();
    for number in numbers {
        let due = began + Duration::from_secs_f64(f64::from(number) / per_second);
        if due > Instant::now() {
            sleep_until(due).await;
        } else {
            yield_now().await;
        }
        alive.spawn(life(u64::from(number)));
    }
    // A user that panics has freed its seat, and the panic hook has said why.
    while alive.join_next().await.is_some() {}
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    async fn hatched_at(users: u32, per_second: f64) -> Vec<Duration> {
        let began = Instant::now();
        let times = RefCell::new(Vec::new());
        hatch(0..users, per_second, |number| {
            assert_eq!(number, times.borrow().len() as u64);
            times.borrow_mut().push(began.elapsed());
            async {}
        })
        .await;
        times.into_inner()
    }

    #[tokio::test]
    async fn no_user_hatches_early() {
        let times = hatched_at(20, 200.0).await;
        assert_eq!(times.len(), 20);
        for (number, time) in times.iter().enumerate() {
            assert!(
                *time >= Duration::from_millis(5) * number as u32,
                "{times:?}"
            );
        }
    }

    #[tokio::test]
    async fn rate_may_be_above_the_grain_of_the_timer() {
        // With a sleep of 1 ms before each user, the last one would hatch after 20 s.
        let times = hatched_at(20_000, 20_000.0).await;
        let last = times.last().unwrap();
        assert!((Duration::from_millis(999)..Duration::from_secs(10)).contains(last));
    }

    #[tokio::test]
    async fn users_of_a_share_hatch_at_their_own_times() {
        let began = Instant::now();
        let hatched = RefCell::new(Vec::new());
        let odd = (0..20).filter(|number| number % 2 == 1);
        hatch(odd, 200.0, |number| {
            hatched.borrow_mut().push((number, began.elapsed()));
            async {}
        })
        .await;
        let hatched = hatched.into_inner();
        assert_eq!(hatched.len(), 10);
        for (number, at) in hatched {
            assert!(number % 2 == 1 && at >= Duration::from_millis(5 * number));
        }
    }

    #[tokio::test]
    async fn user_that_panics_does_not_end_the_others() {
        let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
        hatch(0..3, 1e6, |number| {
            let send = send.clone();
            async move {
                assert_ne!(number, 1);
                send.send(number).unwrap();
            }
        })
        .await;
        drop(send);
        assert_eq!(receive.recv().await, Some(0));
        assert_eq!(receive.recv().await, Some(2));
        assert_eq!(receive.recv().await, None);
    }
}
