//! What the pacer and the users of one run share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tenfold_scenarios::{Arrival, Scenario, Variables};

use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::dispatcher::Dispatcher;
use crate::recorder::Recorder;
use crate::target::Address;

/// What the pacer and the users of one run share. All of them run on one thread, so its locks are
/// never waited for.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) scenario: Scenario,
    pub(crate) address: Address,
    pub(crate) clock: Clock,
    pub(crate) dispatcher: Dispatcher,
    /// The variables of each session that was logged in before the first arrival.
    pub(crate) sessions: Vec<Variables>,
    /// Variables of nobody, for requests that need none.
    pub(crate) no_variables: Variables,
    pub(crate) connections: AtomicU64,
    pub(crate) users_used: AtomicU64,
    /// Lets whoever finds the pacer overdue wake it.
    pub(crate) alarm: Alarm,
    /// Users of the closed model that are on their way.
    pub(crate) walking: AtomicUsize,
    /// Set once no further request is to be begun.
    pub(crate) stop: AtomicBool,
    recorder: Mutex<Option<Recorder>>,
}

impl Shared {
    pub(crate) fn new(
        scenario: Scenario,
        address: Address,
        sessions: Vec<Variables>,
        recorder: Recorder,
    ) -> Self {
        Self {
            no_variables: Variables::new(&scenario),
            scenario,
            address,
            clock: Clock::default(),
            dispatcher: Dispatcher::default(),
            sessions,
            connections: AtomicU64::new(0),
            users_used: AtomicU64::new(0),
            alarm: Alarm::default(),
            walking: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            recorder: Mutex::new(Some(recorder)),
        }
    }

    fn recorder(&self) -> MutexGuard<'_, Option<Recorder>> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records, unless the record has been closed already.
    pub(crate) fn record<T>(&self, with: impl FnOnce(&mut Recorder) -> T) -> Option<T> {
        self.recorder().as_mut().map(with)
    }

    /// Closes the record.
    pub(crate) fn take_recorder(&self) -> Option<Recorder> {
        self.recorder().take()
    }

    /// The variables that an arrival's request is rendered with.
    pub(crate) fn variables_of(&self, arrival: &Arrival) -> &Variables {
        let sessions = self.sessions.len() as u64;
        let session = arrival.draw.user.checked_rem(sessions);
        session
            .and_then(|session| self.sessions.get(usize::try_from(session).ok()?))
            .unwrap_or(&self.no_variables)
    }

    /// Tells whether the run is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
