//! Users of the open model, who wait for arrivals.

use std::sync::Arc;
use std::time::Duration;

use tenfold_scenarios::LastResponse;

use crate::LoadError;
use crate::answer::HeldVariables;
use crate::clock::nanoseconds;
use crate::pace::Job;
use crate::shared::Shared;
use crate::user::hatch::hatch;
use crate::user::virtual_user::User;
use crate::user::visit::{Visit, record_completed};

/// Users hatched per second: all at once, because they are idle.
const HATCH_PER_S: f64 = 1_000_000.0;

/// Time limit for hatching all users.
const HATCH_TIME_MAX: Duration = Duration::from_secs(30);

/// Hatches the users and waits until all of them are idle.
///
/// # Errors
/// If they end, or are not idle after 30 s.
pub(crate) async fn hatch_idle(shared: &Arc<Shared>) -> Result<(), LoadError> {
    let users = shared.share.part_of(shared.scenario.load.users);
    let of_users = Arc::clone(shared);
    let life = move |_number| serve(Arc::clone(&of_users));
    let hatching = tokio::spawn(hatch(0..users, HATCH_PER_S, life));
    let settled = async {
        while shared.dispatcher.idle() < users as usize {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        settled = tokio::time::timeout(HATCH_TIME_MAX, settled) => settled.map_err(|_| {
            LoadError::Users(format!("{users} users were not ready within {HATCH_TIME_MAX:?}"))
        }),
        _ = hatching => Err(LoadError::Users("they ended before the first arrival".to_owned())),
    }
}

/// Serves arrivals until the dispatcher is closed.
async fn serve(shared: Arc<Shared>) {
    let mut user = User::new(Arc::clone(&shared));
    let seat = shared.dispatcher.join();
    let _leave = Leave(&shared);
    while let Some(job) = shared
        .dispatcher
        .next_job(seat, || shared.clock.now())
        .await
    {
        if shared.scenario.journeys_arrive() {
            take_journey(&mut user, job).await;
            continue;
        }
        let variables = shared.variables_of(&job.arrival);
        let request = &shared.scenario.requests[job.arrival.draw.request];
        if request.script.is_some() {
            let mut own = variables.clone();
            user.send(job, HeldVariables::Own(&mut own), None).await;
        } else {
            user.send(job, HeldVariables::Shared(variables), None).await;
        }
    }
}

/// Takes the journey that an arrival begins.
///
/// Its first request is intended when the arrival is, each later one when its think time is over.
/// Steps intended after the last phase are skipped.
async fn take_journey(user: &mut User, job: Job) {
    let shared = Arc::clone(user.shared());
    let Some(mut walk) = shared.scenario.arriving_walk(&job.arrival.draw) else {
        return;
    };
    let mut variables = shared.scenario.variables();
    let journey = walk.begin(&mut variables);
    // The first step is the arrival's own request, which the schedule drew the same way.
    let _ = walk.next_step(&variables, LastResponse::default());
    variables.inherit(shared.variables_of(&job.arrival));
    let side = shared.scenario.side_of(job.arrival.draw.request);
    user.begin_journey(side, shared.session_of(&job.arrival));
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
    record_completed(&shared, &end, nanoseconds(intended), visit.ready);
    shared.evidence.ended(&journey.name, end);
}

/// Frees a user's seat when it ends, even by a panic.
struct Leave<'a>(&'a Shared);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.dispatcher.leave();
    }
}
