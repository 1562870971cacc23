//! Users of a service whose balancer fails, and the time at which each is served again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenfold_loadgen::{JourneyFunction, Journeys};

/// Name of the journey.
const READ: &str = "read";

/// The load.
const LOAD: &str = include_str!("failover.toml");

/// Users, and what they saw. Shared by all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct MovingUsers {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    sent: u64,
    failed: u64,
    /// Users whose last request failed, with the end of it.
    failing: BTreeMap<u64, Instant>,
    /// End of the first answer of each user after its last failure.
    served_again: BTreeMap<u64, Instant>,
}

/// What the users saw of a failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// Requests that ended.
    pub(crate) requests: u64,
    /// Requests that failed.
    pub(crate) lost: u64,
    /// Users whose requests failed.
    pub(crate) users: u64,
    /// Users that are not served again yet.
    pub(crate) left: u64,
    /// Time from the failure to the first answer of the last user that is served again. `None` if no request failed.
    pub(crate) last_moved: Option<Duration>,
}

impl MovingUsers {
    /// Returns the scenario of the load and its journey.
    pub(crate) fn load(&self) -> (&'static str, Journeys) {
        let users = self.clone();
        let journey: JourneyFunction = Arc::new(move |visitor| {
            let users = users.clone();
            Box::pin(async move {
                let number = visitor.number();
                let reply = visitor.request("read post").await?;
                users.note(number, reply.status == 200, Instant::now());
                Ok(())
            })
        });
        (LOAD, Journeys::default().register(READ, journey))
    }

    fn note(&self, user: u64, is_answered: bool, now: Instant) {
        let mut state = self.lock();
        state.sent += 1;
        if !is_answered {
            state.failed += 1;
            state.failing.insert(user, now);
            state.served_again.remove(&user);
        } else if state.failing.remove(&user).is_some() {
            state.served_again.insert(user, now);
        }
    }

    /// Returns what the users saw since a failure.
    pub(crate) fn seen(&self, failed_at: Instant) -> Seen {
        let state = self.lock();
        let last = state.served_again.values().max();
        let count = |users: usize| u64::try_from(users).unwrap_or(u64::MAX);
        Seen {
            requests: state.sent,
            lost: state.failed,
            users: count(state.served_again.len() + state.failing.len()),
            left: count(state.failing.len()),
            last_moved: last.map(|last| last.saturating_duration_since(failed_at)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_user_counts_once_it_is_served_again() {
        let users = MovingUsers::default();
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        for (user, is_answered, ms) in [
            (0, true, 0),
            (1, false, 100),
            (2, false, 100),
            (0, true, 200),
            (1, true, 300),
            (2, false, 400),
        ] {
            users.note(user, is_answered, at(ms));
        }
        let seen = users.seen(at(50));
        assert_eq!(
            (seen.requests, seen.lost, seen.users, seen.left),
            (6, 3, 2, 1)
        );
        assert_eq!(seen.last_moved, Some(Duration::from_millis(250)));
        users.note(2, true, at(900));
        let seen = users.seen(at(50));
        assert_eq!((seen.users, seen.left), (2, 0));
        assert_eq!(seen.last_moved, Some(Duration::from_millis(850)));
        // It fails again.
        users.note(1, false, at(1_000));
        assert_eq!(users.seen(at(50)).left, 1);
    }
}
