//! What the pacer and the users of one run share.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tenfold_run_dir::counts::{GeneratorUsage, Traffic};
use tenfold_run_dir::sample::Sample;
use tenfold_run_dir::{Connections, Counts};
use tenfold_scenarios::{Arrival, Scenario, Side, Variables};

use crate::agreement_log::AgreementLog;
use crate::alarm::Alarm;
use crate::clock::{Clock, nanoseconds};
use crate::deadlines::{Deadlines, Place};
use crate::dispatcher::Dispatcher;
use crate::evidence_log::EvidenceLog;
use crate::failure::Failure;
use crate::quantum::Chosen;
use crate::recorder::Recorder;
use crate::target::Address;
use crate::visitor::Journeys;

/// How often deadlines are looked at, at most: the grain of the runtime's own timers.
const SHORTEST_WATCH: Duration = Duration::from_millis(1);

/// How often they are looked at, at least.
const LONGEST_WATCH: Duration = Duration::from_secs(1);

/// What the pacer and the users of one run share. All of them run on one thread, so its locks are
/// never waited for.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) scenario: Scenario,
    /// Where requests go, by side.
    addresses: Vec<Address>,
    pub(crate) clock: Clock,
    pub(crate) dispatcher: Dispatcher,
    /// When each user's request has taken too long.
    pub(crate) deadlines: Deadlines,
    /// By side, the variables of each session that was logged in before the first arrival: one
    /// build's token is of no use to the other.
    sessions: Vec<Vec<Variables>>,
    /// Variables of nobody, for requests that need none.
    pub(crate) no_variables: Variables,
    /// Journeys that are written in code.
    pub(crate) journeys: Journeys,
    /// What came of checks and journeys, and samples.
    pub(crate) evidence: EvidenceLog,
    /// Whether two builds give the same answers; none in a run of one.
    pub(crate) agreement: Option<AgreementLog>,
    pub(crate) users_used: AtomicU64,
    /// How finely the pacer has woken.
    pub(crate) quanta: Chosen,
    /// Lets whoever finds the pacer overdue wake it.
    pub(crate) alarm: Alarm,
    /// Users of the closed model that are on their way.
    pub(crate) walking: AtomicUsize,
    /// Set once no further request is to be begun.
    pub(crate) stop: AtomicBool,
    recorder: Mutex<Option<Recorder>>,
}

impl Shared {
    /// `addresses` and `sessions` are by side: one each, or two where the scenario is paired.
    pub(crate) fn new(
        scenario: Scenario,
        addresses: Vec<Address>,
        sessions: Vec<Vec<Variables>>,
        recorder: Recorder,
        journeys: Journeys,
    ) -> Self {
        Self {
            journeys,
            no_variables: scenario.variables(),
            evidence: EvidenceLog::new(&scenario),
            agreement: scenario.is_paired().then(|| AgreementLog::new(&scenario)),
            scenario,
            addresses,
            clock: Clock::default(),
            dispatcher: Dispatcher::default(),
            deadlines: Deadlines::default(),
            sessions,
            users_used: AtomicU64::new(0),
            quanta: Chosen::default(),
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

    /// Puts into the counts of the run what the recorder does not count, as it stands now, and returns
    /// samples of what was not as it should be. `cpu_ns` is the generator's CPU time since the start,
    /// which was `wall_ns` ago.
    pub(crate) fn complete(&self, counts: &mut Counts, cpu_ns: u64, wall_ns: u64) -> Vec<Sample> {
        let quanta = self.quanta.range_ns();
        let connections = self.connections();
        counts.set_up_requests = self
            .sessions
            .iter()
            .map(|of_side| of_side.len() as u64)
            .sum();
        counts.generator = GeneratorUsage {
            cpu_ns,
            wall_ns,
            connections: connections.opened,
            users_used: self.users_used.load(Ordering::Relaxed),
            quantum_ns: quanta.map(|(_, longest)| longest),
            shortest_quantum_ns: quanta.map(|(shortest, _)| shortest),
            ..GeneratorUsage::default()
        };
        counts.connections = Some(connections);
        let mut traffic = Traffic::default();
        for address in &self.addresses {
            let counted = address.dials.traffic.counted();
            traffic.sent_bytes += counted.sent_bytes;
            traffic.received_bytes += counted.received_bytes;
            if let Some(durations) = &mut counts.durations {
                durations.add(&address.dials.state().durations());
            }
        }
        counts.traffic = Some(traffic);
        self.evidence.put_into(counts)
    }

    /// Closes the record.
    pub(crate) fn take_recorder(&self) -> Option<Recorder> {
        self.recorder().take()
    }

    /// The variables that an arrival's request is rendered with.
    pub(crate) fn variables_of(&self, arrival: &Arrival) -> &Variables {
        let side = self.scenario.side_of(arrival.draw.request);
        let sessions = &self.sessions[side as usize];
        let session = arrival.draw.user.checked_rem(sessions.len() as u64);
        session
            .and_then(|session| sessions.get(usize::try_from(session).ok()?))
            .unwrap_or(&self.no_variables)
    }

    /// Where the requests of a side go.
    pub(crate) fn address(&self, side: Side) -> &Address {
        &self.addresses[side as usize]
    }

    /// What talking to the targets came to, both sides together.
    pub(crate) fn connections(&self) -> Connections {
        self.addresses
            .iter()
            .map(Address::connections)
            .reduce(|all, one| all.merged(&one))
            .unwrap_or_default()
    }

    /// Waits for an exchange that was begun at `sent_ns`, for as long as the scenario's timeout lets
    /// it.
    pub(crate) async fn within_timeout<T>(
        &self,
        place: Place,
        sent_ns: u64,
        exchange: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let _clear = Clear(self, place);
        let mut exchange = std::pin::pin!(exchange);
        let mut is_set = false;
        std::future::poll_fn(|context| {
            if let Poll::Ready(done) = exchange.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            if !is_set {
                is_set = true;
                let timeout = nanoseconds(self.scenario.load.timeout);
                let due_ns = sent_ns.saturating_add(timeout);
                self.deadlines.set(place, due_ns, context.waker());
            } else if self.deadlines.has_passed(place) {
                return Poll::Ready(Err(Failure::Timeout));
            }
            Poll::Pending
        })
        .await
    }

    /// Wakes those whose requests have taken too long, for ever.
    pub(crate) async fn watch_deadlines(&self) {
        loop {
            let now = self.clock.now();
            // What is set from now on is due no sooner than the timeout.
            let wait = match self.deadlines.pass(now) {
                Some(next_ns) => Duration::from_nanos(next_ns.saturating_sub(now)),
                None => self.scenario.load.timeout,
            };
            tokio::time::sleep(wait.clamp(SHORTEST_WATCH, LONGEST_WATCH)).await;
        }
    }

    /// Tells whether the run is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Takes a user's deadline away when its exchange is over, however it ended.
struct Clear<'a>(&'a Shared, Place);

impl Drop for Clear<'_> {
    fn drop(&mut self) {
        self.0.deadlines.clear(self.1);
    }
}
