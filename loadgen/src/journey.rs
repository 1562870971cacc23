//! Journeys: users who take step after step, each once they have thought.

use std::sync::Arc;
use std::time::Duration;

use tenfold_scenarios::{Arrival, Journey, JourneyWalk, LastResponse, NextStep, Step, Variables};

use crate::clock::nanoseconds;
use crate::dispatcher::Job;
use crate::evidence_log::JourneyEnd;
use crate::judgement::Held;
use crate::shared::Shared;
use crate::user::{Sent, User};
use crate::visitor::{Change, Visitor};

/// The longest sleep between looks at whether the run is to end.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// How long a journey takes at least that sends nothing, so that a user whose conditions never hold
/// does not keep the generator busy.
const IDLE: Duration = Duration::from_millis(100);

/// Walks a user of the closed model through its journeys until the phases end or the run is stopped.
///
/// A step is intended when its think time is over; the lag is what the timer adds to that.
pub(crate) async fn walk(shared: Arc<Shared>, number: u64) {
    let mut user = User::new(Arc::clone(&shared));
    let mut variables = shared.scenario.variables();
    let Some(mut walk) = shared.scenario.journey_walk(number) else {
        return;
    };
    let mut sequence = 0;
    let mut ready = shared.clock.now();
    loop {
        let journey = walk.begin(&mut variables);
        shared.evidence.begun(&journey.name);
        let (began, first) = (ready, sequence);
        let mut visit = Visit {
            user: &mut user,
            variables: &mut variables,
            journey,
            last: LastResponse::default(),
            ready,
            sequence: &mut sequence,
        };
        let end = match shared.journeys.get(&journey.name) {
            Some(function) if journey.in_code => {
                let mut visitor = Visitor {
                    visit,
                    walk: walk.branch(),
                    number,
                };
                let end = match function(&mut visitor).await {
                    Ok(()) => JourneyEnd::Completed,
                    Err(stop) => stop.into(),
                };
                ready = visitor.visit.ready;
                end
            }
            _ => {
                let end = visit.go_on(&mut walk).await;
                ready = visit.ready;
                end
            }
        };
        let is_over = end == JourneyEnd::Unfinished;
        completed(&shared, &end, began, ready);
        shared.evidence.ended(&journey.name, end);
        if is_over {
            return;
        }
        let mut pace = nanoseconds(journey.pace);
        if sequence == first {
            pace = pace.max(nanoseconds(IDLE));
        }
        ready = ready.max(began.saturating_add(pace));
        // A journey that sends nothing never waits for a step, so that it is not told of the end there.
        let end_ns = nanoseconds(shared.scenario.duration());
        if ready >= end_ns || !sleep_until(&shared, ready).await {
            return;
        }
    }
}

/// Takes an arrival of the open model through the journey that it begins: its first request is
/// intended when the arrival is, each later one when its think time is over. Steps that would be
/// intended after the last phase are not taken.
pub(crate) async fn visit(user: &mut User, job: Job) {
    let shared = Arc::clone(user.shared());
    let Some(mut walk) = shared.scenario.arriving_walk(&job.arrival.draw) else {
        return;
    };
    let mut variables = shared.scenario.variables();
    let journey = walk.begin(&mut variables);
    // It is the arrival's own request, which the schedule has found the same way.
    let _ = walk.next_step(&variables, LastResponse::default());
    variables.inherit(shared.variables_of(&job.arrival));
    shared.evidence.begun(&journey.name);
    let (mut sequence, intended) = (job.arrival.sequence, job.arrival.intended);
    let mut visit = Visit {
        user,
        variables: &mut variables,
        journey,
        last: LastResponse::default(),
        ready: 0,
        sequence: &mut sequence,
    };
    let end = match visit.send(&mut walk, job).await {
        Some(end) => end,
        None => visit.go_on(&mut walk).await,
    };
    completed(&shared, &end, nanoseconds(intended), visit.ready);
    shared.evidence.ended(&journey.name, end);
}

/// Records how long a journey took, where it came to its last step.
fn completed(shared: &Shared, end: &JourneyEnd, began: u64, ready: u64) {
    if let (JourneyEnd::Completed, Some(phase)) =
        (end, shared.scenario.phase_at(Duration::from_nanos(began)))
    {
        let took = ready.saturating_sub(began);
        shared.record(|recorder| recorder.journey_completed(phase, took));
    }
}

/// One journey under way.
pub(crate) struct Visit<'a> {
    pub(crate) user: &'a mut User,
    pub(crate) variables: &'a mut Variables,
    pub(crate) journey: &'a Journey,
    pub(crate) last: LastResponse,
    /// When the last answer was there, or the user has thought since.
    pub(crate) ready: u64,
    pub(crate) sequence: &'a mut u64,
}

impl Visit<'_> {
    /// Takes step after step; returns how the journey came to its end.
    async fn go_on(&mut self, walk: &mut JourneyWalk<'_>) -> JourneyEnd {
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

    /// Waits until a step is intended; false where the run is over by then.
    pub(crate) async fn wait(&self, intended: u64) -> bool {
        let shared = self.user.shared();
        let end = nanoseconds(shared.scenario.duration());
        intended < end && sleep_until(shared, intended).await
    }

    /// Plans a step as an arrival of its own.
    pub(crate) fn plan(&mut self, shared: &Shared, step: &Step, intended: u64) -> Option<Job> {
        let intended = Duration::from_nanos(intended);
        let arrival = Arrival {
            sequence: *self.sequence,
            intended,
            phase: shared.scenario.phase_at(intended)?,
            draw: step.draw,
        };
        *self.sequence += 1;
        shared.record(|recorder| recorder.planned(&arrival));
        Some(Job {
            arrival,
            blocked_ns: None,
        })
    }

    /// Sends a request; returns how the journey has come to its end, where it has.
    async fn send(&mut self, walk: &mut JourneyWalk<'_>, job: Job) -> Option<JourneyEnd> {
        let next = self.exchange(job, None).await.next;
        if self.last.failed && self.journey.ends_on_failure {
            return Some(JourneyEnd::Failed);
        }
        match next {
            Some(NextStep::End) => Some(JourneyEnd::Completed),
            Some(NextStep::Request(request)) if !walk.jump(request) => {
                let requests = &self.user.shared().scenario.requests;
                Some(JourneyEnd::CutOff(format!(
                    "a script chose the request `{}`, which the journey has not",
                    requests[request].name
                )))
            }
            Some(NextStep::Request(_)) | None => None,
        }
    }
}

impl Visit<'_> {
    /// Sends a request, and notes what came of it.
    pub(crate) async fn exchange(&mut self, job: Job, change: Option<&Change>) -> Sent {
        let held = Held::Own(self.variables);
        let sent = self.user.send(job, held, change).await;
        self.ready = self.user.shared().clock.now();
        self.last = LastResponse {
            status: sent.answer.as_ref().map_or(0, |answer| answer.status),
            failed: sent.failure.is_some(),
        };
        sent
    }
}

/// Sleeps until the clock reads `at`; false where the run is to end before.
async fn sleep_until(shared: &Shared, at: u64) -> bool {
    loop {
        if shared.is_stopped() {
            return false;
        }
        let left = Duration::from_nanos(at.saturating_sub(shared.clock.now()));
        if left.is_zero() {
            return true;
        }
        tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
    }
}
