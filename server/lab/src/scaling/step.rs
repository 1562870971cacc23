//! The next step for a box that comes or goes, from its state and the balancer's list.

use std::time::{Duration, Instant};

use super::spare::State;
use crate::balancer::ServerStatus;

/// Next command to the balancer or the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Wait,
    /// To send requests to a new server.
    Add,
    /// To send requests to a drained server.
    Resume,
    /// Nothing: the server got its first request.
    HasServed,
    /// To send no new requests.
    Drain,
    /// To end the requests in flight.
    CutOff,
    /// To forget the server.
    Remove,
    /// To stop.
    Stop,
}

impl Step {
    /// Returns the next step for a box, from its state and the balancer's list. A box is drained for `drain_max` at most.
    pub(super) fn next(
        state: State,
        listed: Option<&ServerStatus>,
        drain_max: Duration,
        now: Instant,
    ) -> Self {
        let Some(server) = listed else {
            return match state {
                State::Serving => Self::Add,
                State::Draining(_) => Self::Stop,
                State::Off | State::Starting | State::Stopping(_) => Self::Wait,
            };
        };
        match state {
            // Its box has failed: requests would fail until the check notices it.
            State::Off => Self::Remove,
            State::Serving if server.is_drained() => Self::Resume,
            // An earlier command was lost between two others.
            State::Serving if server.is_in_maintenance() => Self::Remove,
            State::Serving if server.sent > 0 => Self::HasServed,
            State::Draining(since) if server.now > 0 && now.duration_since(since) >= drain_max => {
                Self::CutOff
            }
            State::Draining(_) if server.is_in_maintenance() => Self::Remove,
            // A drained server that fails its checks is shown as down, not as drained.
            State::Draining(_) if server.now == 0 && !server.is_sent_requests() => Self::Remove,
            State::Draining(_) if server.is_drained() => Self::Wait,
            State::Draining(_) => Self::Drain,
            State::Serving | State::Starting | State::Stopping(_) => Self::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balancer::DRAIN_MAX;

    fn listed(state: &str, now: u64) -> ServerStatus {
        ServerStatus {
            list: "app".to_owned(),
            name: "app-3".to_owned(),
            state: state.to_owned(),
            now,
            ..ServerStatus::default()
        }
    }

    #[test]
    fn drains_and_removes_by_what_the_balancer_shows() {
        let now = Instant::now();
        let draining = State::Draining(now);
        for (state, requests, step) in [
            ("UP", 0, Step::Drain),
            ("UP 1/2", 3, Step::Drain),
            ("DRAIN", 3, Step::Wait),
            ("DRAIN", 0, Step::Remove),
            ("DOWN", 0, Step::Remove),
            ("DOWN 1/2", 3, Step::Drain),
            ("MAINT", 3, Step::Remove),
        ] {
            let server = listed(state, requests);
            assert_eq!(
                Step::next(draining, Some(&server), DRAIN_MAX, now),
                step,
                "{state}, {requests}"
            );
        }
        let late = now + DRAIN_MAX;
        for state in ["UP", "DRAIN", "DOWN", "MAINT"] {
            let server = listed(state, 1);
            assert_eq!(
                Step::next(draining, Some(&server), DRAIN_MAX, late),
                Step::CutOff,
                "{state}"
            );
        }
        assert_eq!(Step::next(draining, None, DRAIN_MAX, late), Step::Stop);
    }
}
