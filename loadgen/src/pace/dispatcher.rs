//! Brings arrivals and idle users together.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tenfold_scenarios::Arrival;

/// The most arrivals that may wait for a user at a time, whatever the time bound: what keeps the
/// generator's memory bounded against a service that stands still.
pub(crate) const MOST_WAITING: usize = 1_000_000;

/// An arrival that was taken up, in the hands of a user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// What to send.
    pub(crate) arrival: Arrival,
    /// How long it waited for an idle user, in nanoseconds; none where one was idle.
    pub(crate) blocked_ns: Option<u64>,
}

/// An arrival that waits for an idle user.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    arrival: Arrival,
    taken_ns: u64,
}

/// One user's place: what it is to do next, and how to wake it.
#[derive(Debug, Default)]
struct Seat {
    job: Option<Job>,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct State {
    seats: Vec<Seat>,
    /// Idle users. The last to become idle is the first to be taken, so that few connections carry
    /// a light load and the others are never opened.
    idle: Vec<usize>,
    waiting: VecDeque<Waiting>,
    /// Users that are at work.
    busy: usize,
    /// Users that have left.
    gone: usize,
    closed: bool,
    when_quiet: Option<Waker>,
}

/// Brings arrivals and idle users together: the earliest arrival goes to the user that was idle for
/// the shortest time, and waits its turn where there is none.
#[derive(Debug, Default)]
pub(crate) struct Dispatcher {
    state: Mutex<State>,
}

impl Dispatcher {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change to the state is complete before the lock is let go, even by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a seat for one more user.
    pub(crate) fn join(&self) -> usize {
        let mut state = self.state();
        state.seats.push(Seat::default());
        state.busy += 1;
        state.seats.len() - 1
    }

    /// Users that are idle.
    pub(crate) fn idle(&self) -> usize {
        self.state().idle.len()
    }

    /// Arrivals that wait for a user.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Gives an arrival, taken up at `now`, to an idle user or lets it wait for one.
    ///
    /// Returns the arrival where too many wait already: it is to be dropped.
    pub(crate) fn offer(&self, arrival: Arrival, now: u64) -> Result<(), Arrival> {
        let mut state = self.state();
        // Those that wait go first.
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
        if state.waiting.len() >= MOST_WAITING {
            return Err(arrival);
        }
        state.waiting.push_back(Waiting {
            arrival,
            taken_ns: now,
        });
        Ok(())
    }

    /// Takes the first arrival that has waited since `before` or longer, to be dropped.
    pub(crate) fn take_overdue(&self, before: u64) -> Option<Arrival> {
        let mut state = self.state();
        if state.waiting.front()?.taken_ns > before {
            return None;
        }
        state.waiting.pop_front().map(|waiting| waiting.arrival)
    }

    /// Takes every arrival that waits, to be dropped.
    pub(crate) fn take_waiting(&self) -> Vec<Arrival> {
        self.state()
            .waiting
            .drain(..)
            .map(|waiting| waiting.arrival)
            .collect()
    }

    /// Waits for the user's next job; none once the dispatcher is closed.
    ///
    /// `now` tells the time, for how long an arrival has waited.
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

    /// Sends every user home once it has finished what it is at.
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

    /// Notes that a user that was not idle has left for good.
    pub(crate) fn leave(&self) {
        let mut state = self.state();
        state.gone += 1;
        state.busy -= 1;
        state.wake_if_quiet();
    }

    /// Waits until nothing waits and no user is at work.
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
        self.busy == 0 && (self.waiting.is_empty() || self.gone == self.seats.len())
    }

    fn wake_if_quiet(&mut self) {
        if self.is_quiet()
            && let Some(waker) = self.when_quiet.take()
        {
            waker.wake();
        }
    }
}

/// Waits for a user's next job.
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
    fn the_last_to_become_idle_is_taken_first() {
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
    fn arrivals_wait_in_order_and_their_wait_is_told() {
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
    fn only_those_that_waited_too_long_are_overdue() {
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
    fn closing_sends_idle_users_home() {
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
    fn quiet_comes_when_the_last_user_is_done() {
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
