//! One journey under way: its steps, think times and requests.

use std::sync::Arc;
use std::time::Duration;

use tenfold_scenarios::{Arrival, Journey, JourneyWalk, LastResponse, NextStep, Step, Variables};

use crate::answer::{Change, HeldVariables, JourneyEnd};
use crate::clock::nanoseconds;
use crate::pace::Job;
use crate::shared::Shared;
use crate::user::virtual_user::{Sent, User};

/// The longest sleep between checks for the end of the run.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Records the duration of a journey that reached its last step.
pub(crate) fn record_completed(shared: &Shared, end: &JourneyEnd, began: u64, ready: u64) {
    if let (JourneyEnd::Completed, Some(phase)) =
        (end, shared.scenario.phase_at(Duration::from_nanos(began)))
    {
        let took = ready.saturating_sub(began);
        shared
            .recorder
            .with(|recorder| recorder.journey_completed(phase, took));
    }
}

/// One journey under way.
pub(crate) struct Visit<'a> {
    pub(crate) user: &'a mut User,
    pub(crate) variables: &'a mut Variables,
    pub(crate) journey: &'a Journey,
    pub(crate) last: LastResponse,
    /// When the next request may be sent: the time of the last answer plus think time, in nanoseconds
    /// since the start.
    pub(crate) ready: u64,
    pub(crate) sequence: &'a mut u64,
}

impl Visit<'_> {
    /// Takes the remaining steps; returns how the journey ended.
    pub(crate) async fn go_on(&mut self, walk: &mut JourneyWalk<'_>) -> JourneyEnd {
        let shared = Arc::clone(self.user.shared());
        loop {
            let step = match walk.next_step(self.variables, self.last) {
                Ok(Some(step)) => step,
                Ok(None) => return JourneyEnd::Completed,
                Err(error) => return JourneyEnd::CutOff(error.to_string()),
            };
            let intended = self.ready.saturating_add(nanoseconds(step.think));
            if !self.wait(intended).await {
                return JourneyEnd::Unfinished;
            }
            let Some(job) = self.plan(&shared, &step, intended) else {
                return JourneyEnd::Unfinished;
            };
            if let Some(end) = self.send(walk, job).await {
                return end;
            }
        }
    }

    /// Waits until a step is intended; returns false if the run is over by then.
    pub(crate) async fn wait(&self, intended: u64) -> bool {
        let shared = self.user.shared();
        let end = nanoseconds(shared.scenario.duration());
        intended < end && sleep_until(shared, intended).await
    }

    /// Plans a step as a new arrival. `None` if no phase contains it.
    pub(crate) fn plan(&mut self, shared: &Shared, step: &Step, intended: u64) -> Option<Job> {
        let intended = Duration::from_nanos(intended);
        let arrival = Arrival {
            sequence: *self.sequence,
            intended,
            phase: shared.scenario.phase_at(intended)?,
            draw: step.draw,
        };
        *self.sequence += 1;
        shared.recorder.with(|recorder| recorder.planned(&arrival));
        Some(Job {
            arrival,
            blocked_ns: None,
        })
    }

    /// Sends a request. Returns how the journey ended, or `None` if it continues.
    pub(crate) async fn send(
        &mut self,
        walk: &mut JourneyWalk<'_>,
        job: Job,
    ) -> Option<JourneyEnd> {
        let next = self.exchange(job, None).await.next;
        if self.last.failed && self.journey.ends_on_failure {
            return Some(JourneyEnd::Failed);
        }
        match next {
            Some(NextStep::End) => Some(JourneyEnd::Completed),
            Some(NextStep::Request(request)) if !walk.jump(request) => {
                let requests = &self.user.shared().scenario.requests;
                Some(JourneyEnd::CutOff(format!(
                    "a script chose the request `{}`, which is not part of the journey",
                    requests[request].name
                )))
            }
            Some(NextStep::Request(_)) | None => None,
        }
    }

    /// Sends a request and updates the state of the visit.
    pub(crate) async fn exchange(&mut self, job: Job, change: Option<&Change>) -> Sent {
        let held = HeldVariables::Own(self.variables);
        let sent = self.user.send(job, held, change).await;
        self.ready = self.user.shared().clock.now();
        self.last = LastResponse {
            status: sent.answer.as_ref().map_or(0, |answer| answer.status),
            failed: sent.failure.is_some(),
        };
        sent
    }
}

/// Sleeps until the clock reads `at`; returns false if the run is stopped before.
pub(crate) async fn sleep_until(shared: &Shared, at: u64) -> bool {
    loop {
        if shared.is_stopped() {
            return false;
        }
        let left = Duration::from_nanos(at.saturating_sub(shared.clock.now()));
        if left.is_zero() {
            return true;
        }
        tokio::time::sleep(left.min(SLEEP_MAX)).await;
    }
}
