//! Users of the closed model, who take journey after journey.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tenfold_scenarios::{LastResponse, Side};

use crate::answer::JourneyEnd;
use crate::clock::nanoseconds;
use crate::shared::Shared;
use crate::user::hatch::hatch;
use crate::user::virtual_user::User;
use crate::user::visit::{Visit, record_completed, sleep_until};
use crate::user::visitor::{Journeys, Visitor};

/// The shortest duration of a journey that sends nothing. Keeps a user whose conditions never hold
/// from using all of the generator's CPU time.
const IDLE_JOURNEY_MIN: Duration = Duration::from_millis(100);

/// The interval between checks for the end of the run.
const END_CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Hatches the users at their rate, then waits until the phases are over and the last user has its
/// answer.
pub(crate) async fn run_closed_model(shared: &Arc<Shared>, journeys: Journeys) {
    let load = &shared.scenario.load;
    let of_users = Arc::clone(shared);
    let journeys = Arc::new(journeys);
    let life = move |number| {
        let shared = Arc::clone(&of_users);
        let journeys = Arc::clone(&journeys);
        async move {
            let _walking = Walking::start(&shared);
            walk(Arc::clone(&shared), &journeys, number).await;
        }
    };
    let numbers = shared.scenario.users_of(shared.share);
    tokio::spawn(hatch(numbers, load.hatch.per_second(), life));
    let end = nanoseconds(shared.scenario.duration());
    loop {
        let over = shared.is_stopped() || shared.clock.now() >= end;
        if over && shared.walking.load(Ordering::Relaxed) == 0 {
            return;
        }
        tokio::time::sleep(END_CHECK_INTERVAL).await;
    }
}

/// Walks a user through its journeys until the phases end or the run is stopped.
///
/// A step is intended when its think time is over; the lag is what the timer adds to that.
async fn walk(shared: Arc<Shared>, journeys: &Journeys, number: u64) {
    let mut user = User::new(Arc::clone(&shared));
    let mut variables = shared.scenario.variables();
    let Some(mut walk) = shared.scenario.journey_walk(number) else {
        return;
    };
    let mut sequence = 0;
    let mut ready = shared.clock.now();
    loop {
        let journey = walk.begin(&mut variables);
        let session = shared.session_of_user(number);
        if let Some(session) = session {
            variables.inherit(&session.variables);
        }
        user.begin_journey(Side::Baseline, session);
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
        let end = match journeys.get(&journey.name) {
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
        record_completed(&shared, &end, began, ready);
        shared.evidence.ended(&journey.name, end);
        if is_over {
            return;
        }
        let mut pace = nanoseconds(journey.pace);
        if sequence == first {
            pace = pace.max(nanoseconds(IDLE_JOURNEY_MIN));
        }
        ready = ready.max(began.saturating_add(pace));
        // A journey that sends nothing waits for no step, and so doesn't notice the end there.
        let end_ns = nanoseconds(shared.scenario.duration());
        if ready >= end_ns || !sleep_until(&shared, ready).await {
            return;
        }
    }
}

/// Counts a user as walking for as long as it lives.
struct Walking<'a>(&'a Shared);

impl<'a> Walking<'a> {
    fn start(shared: &'a Shared) -> Self {
        shared.walking.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Walking<'_> {
    fn drop(&mut self) {
        self.0.walking.fetch_sub(1, Ordering::Relaxed);
    }
}
