//! Attempts that start one after another and race (RFC 8305, "happy eyeballs").

use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Time after which the next attempt starts beside those that have not ended (RFC 8305, section 5).
pub(crate) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// An attempt.
pub(crate) type Attempt<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Starts attempts in order, each after the one before has failed or `delay` has passed. Returns the index and
/// the result of the first that succeeds; the others are dropped.
///
/// # Errors
/// The errors of all attempts, in order, if none succeeds.
pub(crate) async fn race<'a, T, E>(
    attempts: Vec<Attempt<'a, T, E>>,
    delay: Duration,
) -> Result<(usize, T), Vec<E>> {
    let mut waiting = attempts.into_iter().enumerate().peekable();
    let mut running: Vec<(usize, Attempt<'a, T, E>)> = Vec::new();
    let mut errors: Vec<(usize, E)> = Vec::new();
    let mut timer = pin!(sleep(delay));
    loop {
        match waiting.next() {
            Some(attempt) => {
                running.push(attempt);
                timer.as_mut().reset(Instant::now() + delay);
            }
            None if running.is_empty() => {
                errors.sort_by_key(|(index, _)| *index);
                return Err(errors.into_iter().map(|(_, error)| error).collect());
            }
            None => {}
        }
        let has_more = waiting.peek().is_some();
        let won = std::future::poll_fn(|context| {
            for at in 0..running.len() {
                let (index, attempt) = &mut running[at];
                let index = *index;
                match attempt.as_mut().poll(context) {
                    Poll::Ready(Ok(value)) => return Poll::Ready(Some((index, value))),
                    Poll::Ready(Err(error)) => {
                        errors.push((index, error));
                        drop(running.swap_remove(at));
                        return Poll::Ready(None);
                    }
                    Poll::Pending => {}
                }
            }
            match has_more && timer.as_mut().poll(context).is_ready() {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        })
        .await;
        if let Some(won) = won {
            return Ok(won);
        }
    }
}

/// Makes all attempts at once and waits for all of them. Returns their results in order.
pub(crate) async fn all<'a, T, E>(attempts: Vec<Attempt<'a, T, E>>) -> Vec<Result<T, E>> {
    let mut results: Vec<Option<Result<T, E>>> = attempts.iter().map(|_| None).collect();
    let mut attempts = attempts;
    std::future::poll_fn(|context| {
        for (attempt, result) in attempts.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(done) = attempt.as_mut().poll(context)
            {
                *result = Some(done);
            }
        }
        match results.iter().all(Option::is_some) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends after a number of milliseconds.
    fn attempt(ms: u64, result: Result<u64, u64>) -> Attempt<'static, u64, u64> {
        Box::pin(async move {
            sleep(Duration::from_millis(ms)).await;
            result
        })
    }

    const DELAY: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn first_attempt_wins_if_it_is_quick() {
        let attempts = vec![attempt(10, Ok(1)), attempt(0, Ok(2))];
        assert_eq!(race(attempts, DELAY).await, Ok((0, 1)));
    }

    #[tokio::test]
    async fn silent_attempt_is_overtaken_after_the_delay() {
        let begun = Instant::now();
        let attempts = vec![attempt(60_000, Ok(1)), attempt(0, Ok(2)), attempt(0, Ok(3))];
        assert_eq!(race(attempts, DELAY).await, Ok((1, 2)));
        let took = begun.elapsed();
        assert!(took >= DELAY && took < Duration::from_secs(10), "{took:?}");
    }

    #[tokio::test]
    async fn failure_starts_the_next_attempt_at_once() {
        let attempts = vec![attempt(0, Err(1)), attempt(0, Err(2)), attempt(0, Ok(3))];
        let raced = race(attempts, Duration::from_secs(3600));
        assert_eq!(
            tokio::time::timeout(Duration::from_secs(10), raced).await,
            Ok(Ok((2, 3)))
        );
    }

    #[tokio::test]
    async fn late_success_of_the_first_attempt_counts() {
        let attempts = vec![attempt(120, Ok(1)), attempt(0, Err(2))];
        assert_eq!(race(attempts, DELAY).await, Ok((0, 1)));
    }

    #[tokio::test]
    async fn all_errors_are_returned_in_order() {
        let attempts = vec![attempt(120, Err(1)), attempt(0, Err(2))];
        assert_eq!(race(attempts, DELAY).await, Err(vec![1, 2]));
        assert_eq!(
            race(Vec::<Attempt<'_, (), ()>>::new(), DELAY).await,
            Err(vec![])
        );
    }

    #[tokio::test]
    async fn all_attempts_are_made_at_once() {
        let attempts = vec![attempt(30, Ok(1)), attempt(0, Err(2))];
        assert_eq!(all(attempts).await, [Ok(1), Err(2)]);
    }
}
