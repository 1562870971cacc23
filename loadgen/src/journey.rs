//! The closed model: a user that waits for its answer, thinks, and then sends the next.

use std::sync::Arc;
use std::time::Duration;

use tenfold_scenarios::{Arrival, Variables};

use crate::capture::capture;
use crate::clock::nanoseconds;
use crate::dispatcher::Job;
use crate::shared::Shared;
use crate::user::User;

/// The longest sleep between looks at whether the run is to end.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// Walks a user through its journeys until the phases end or the run is stopped.
///
/// A step is intended when its think time is over; the lag is what the timer adds to that.
pub(crate) async fn walk(shared: Arc<Shared>, number: u64) {
    let mut user = User::new(Arc::clone(&shared));
    let mut variables = Variables::new(&shared.scenario);
    let end = nanoseconds(shared.scenario.duration());
    let mut ready = shared.clock.now();
    for (sequence, step) in shared.scenario.journey_walk(number).enumerate() {
        if step.first {
            variables.clear();
        }
        let intended = ready.saturating_add(nanoseconds(step.think));
        if intended >= end || !sleep_until(&shared, intended).await {
            return;
        }
        let intended = Duration::from_nanos(intended);
        let Some(phase) = shared.scenario.phase_at(intended) else {
            return;
        };
        let sequence = sequence as u64;
        let arrival = Arrival {
            sequence,
            intended,
            phase,
            draw: step.draw,
        };
        shared.record(|recorder| recorder.planned(&arrival));
        let job = Job {
            arrival,
            blocked_ns: None,
        };
        if let Some(answer) = user.send(job, &variables).await {
            let captures = &shared.scenario.requests[step.draw.request].captures;
            // A later step that needs what is missing fails by name.
            let _ = capture(captures, &answer, &mut variables);
        }
        ready = shared.clock.now();
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
