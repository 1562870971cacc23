//! The dispatcher: assigns arrivals to idle users.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tenfold_scenarios::Arrival;

/// The most arrivals that may wait for a user at a time. Bounds memory against a stalled service, for any
/// wait time.
const WAITING_MAX: usize = 1_000_000;

/// An arrival that is assigned to a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// The arrival to send.
    pub(crate) arrival: Arrival,
    /// Time it waited for an idle user, in nanoseconds. `None` if one was idle.
    pub(crate) blocked_ns: Option<u64>,
}

/// An arrival that waits for an idle user.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    arrival: Arrival,
    taken_ns: u64,
}

/// A user's seat: its next job, and its waker.
#[derive(Debug, Default)]
struct Seat {
    job: Option<Job>,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct State {
    seats: Vec<Seat>,
    /// Idle users, as a stack: a light load uses few connections, and the others are never opened.
    idle: Vec<usize>,
    waiting: VecDeque<Waiting>,
    /// Users that are busy.
    busy: usize,
    /// Users that have left.
    left: usize,
    closed: bool,
    when_quiet: Option<Waker>,
}

/// Assigns arrivals to idle users: the earliest arrival goes to the user that became idle last, or
/// queues if no user is idle.
#[derive(Debug, Default)]
pub(crate) struct Dispatcher {
    state: Mutex<State>,
}

impl Dispatcher {
    fn state(&self) -> MutexGuard<'_, State> {
        // Changes are complete before the lock is released, even by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a seat for one more user. Returns its index.
    pub(crate) fn join(&self) -> usize {
        let mut state = self.state();
        state.seats.push(Seat::default());
        state.busy += 1;
        state.seats.len() - 1
    }

    /// The number of idle users.
    pub(crate) fn idle(&self) -> usize {
        self.state().idle.len()
    }

    /// The number of arrivals that wait for a user.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Assigns an arrival to an idle user, or queues it. `now` is when the pacer took it up.
    ///
    /// # Errors
    /// Returns the arrival if the queue is full; the caller drops it.
    pub(crate) fn offer(&self, arrival: Arrival, now: u64) -> Result<(), Arrival> {
        let mut state = self.state();
        // Queued arrivals go first.
        if state.waiting.is_empty()
            && let Some(user) = state.idle.pop()
        {
            state.busy += 1;
            let seat = &mut state.seats[user];
            seat.job = Some(Job {
                arrival,
                blocked_ns: None,
            });
            if let Some(waker) = seat.waker.take() {
                drop(state);
                waker.wake();
            }
            return Ok(());
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(arrival);
        }
        state.waiting.push_back(Waiting {
            arrival,
            taken_ns: now,
        });
        Ok(())
    }

    /// Removes the first arrival that has waited since `before` or longer.
    pub(crate) fn take_overdue(&self, before: u64) -> Option<Arrival> {
        let mut state = self.state();
        if state.waiting.front()?.taken_ns > before {
            return None;
        }
        state.waiting.pop_front().map(|waiting| waiting.arrival)
    }

    /// Removes every waiting arrival.
    pub(crate) fn take_waiting(&self) -> Vec<Arrival> {
        self.state()
            .waiting
            .drain(..)
            .map(|waiting| waiting.arrival)
            .collect()
    }

    /// Waits for the user's next job. Resolves to `None` once the dispatcher is closed.
    ///
    /// `now` reads the clock, to measure how long an arrival waited.
    pub(crate) fn next_job(
        &self,
        user: usize,
        now: impl Fn() -> u64,
    ) -> NextJob<'_, impl Fn() -> u64> {
        NextJob {
            dispatcher: self,
            user,
            now,
            is_idle: false,
        }
    }

    /// Ends every user once its current job is done.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.busy += state.idle.len();
        state.idle.clear();
        let wakers: Vec<Waker> = state
            .seats
            .iter_mut()
            .filter_map(|seat| seat.waker.take())
            .collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Notes that a busy user has left for good.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        state.left += 1;
        state.busy -= 1;
        state.wake_if_quiet();
    }

    /// Waits until no arrival waits and no user is busy.
    pub(crate) async fn quiet(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.state();
            if state.is_quiet() {
                return Poll::Ready(());
            }
            state.when_quiet = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl State {
    fn is_quiet(&self) -> bool {
        self.busy == 0 && (self.waiting.is_empty() || self.left == self.seats.len())
    }

    fn wake_if_quiet(&mut self) {
        if self.is_quiet()
            && let Some(waker) = self.when_quiet.take()
        {
            waker.wake();
        }
    }
}

/// Future of a user's next job.
pub(crate) struct NextJob<'a, Now> {
    dispatcher: &'a Dispatcher,
    user: usize,
    now: Now,
    is_idle: bool,
}

impl<Now: Fn() -> u64 + Unpin> Future for NextJob<'_, Now> {
    type Output = Option<Job>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut state = this.dispatcher.state();
        if let Some(job) = state.seats[this.user].job.take() {
            return Poll::Ready(Some(job));
        }
        if !this.is_idle
            && let Some(waiting) = state.waiting.pop_front()
        {
            let blocked_ns = Some((this.now)().saturating_sub(waiting.taken_ns));
            return Poll::Ready(Some(Job {
                arrival: waiting.arrival,
                blocked_ns,
            }));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        let seat = &mut state.seats[this.user];
        match &mut seat.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        if !this.is_idle {
            this.is_idle = true;
            state.idle.push(this.user);
            state.busy -= 1;
            state.wake_if_quiet();
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::time::Duration;

    use tenfold_scenarios::Draw;

    use super::*;

    fn arrival(sequence: u64) -> Arrival {
        let draw = Draw::default();
        Arrival {
            sequence,
            intended: Duration::ZERO,
            phase: 0,
            draw,
        }
    }

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn sequence_of(polled: Poll<Option<Job>>) -> Option<u64> {
        match polled {
            Poll::Ready(Some(job)) => Some(job.arrival.sequence),
            Poll::Ready(None) | Poll::Pending => None,
        }
    }

    #[test]
    fn assigns_to_last_idle_user() {
        let dispatcher = Dispatcher::default();
        let (a, b) = (dispatcher.join(), dispatcher.join());
        let mut first = dispatcher.next_job(a, || 0);
        let mut second = dispatcher.next_job(b, || 0);
        assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
        assert_eq!(dispatcher.idle(), 2);
        dispatcher.offer(arrival(7), 0).unwrap();
        assert!(poll(&mut first).is_pending());
        assert_eq!(sequence_of(poll(&mut second)), Some(7));
    }

    #[test]
    fn queues_in_order_and_reports_wait() {
        let dispatcher = Dispatcher::default();
        let user = dispatcher.join();
        for sequence in 0..3 {
            dispatcher.offer(arrival(sequence), 100 + sequence).unwrap();
        }
        assert_eq!(dispatcher.waiting(), 3);
        for sequence in 0..3 {
            let Poll::Ready(Some(job)) = poll(&mut dispatcher.next_job(user, || 1_100)) else {
                panic!("an arrival was waiting");
            };
            assert_eq!(job.arrival.sequence, sequence);
            assert_eq!(job.blocked_ns, Some(1_000 - sequence));
        }
    }

    #[test]
    fn takes_only_overdue_arrivals() {
        let dispatcher = Dispatcher::default();
        dispatcher.join();
        dispatcher.offer(arrival(0), 10).unwrap();
        dispatcher.offer(arrival(1), 20).unwrap();
        assert!(dispatcher.take_overdue(9).is_none());
        assert_eq!(
            dispatcher.take_overdue(15).map(|arrival| arrival.sequence),
            Some(0)
        );
        assert!(dispatcher.take_overdue(15).is_none());
        assert_eq!(dispatcher.take_waiting().len(), 1);
    }

    #[test]
    fn close_ends_idle_users() {
        let dispatcher = Dispatcher::default();
        let user = dispatcher.join();
        let mut job = dispatcher.next_job(user, || 0);
        assert!(poll(&mut job).is_pending());
        dispatcher.close();
        assert!(matches!(poll(&mut job), Poll::Ready(None)));
        dispatcher.leave();
        let mut quiet = Box::pin(dispatcher.quiet());
        assert!(poll(&mut quiet).is_ready());
    }

    #[test]
    fn quiet_when_last_user_is_idle() {
        let dispatcher = Dispatcher::default();
        let user = dispatcher.join();
        let mut job = dispatcher.next_job(user, || 0);
        assert!(poll(&mut job).is_pending());
        dispatcher.offer(arrival(0), 0).unwrap();
        assert!(poll(&mut job).is_ready());
        let mut quiet = Box::pin(dispatcher.quiet());
        assert!(poll(&mut quiet).is_pending());
        assert!(poll(&mut dispatcher.next_job(user, || 0)).is_pending());
        assert!(poll(&mut quiet).is_ready());
    }
}
