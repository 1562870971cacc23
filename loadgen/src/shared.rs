//! State that the pacer, the ticker and the users of one run share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tenfold_run_dir::counts::{GeneratorUsage, Traffic};
use tenfold_run_dir::sample::Sample;
use tenfold_run_dir::{Connections, Counts};
use tenfold_scenarios::{Arrival, Scenario, Share, Side, Variables};

use crate::answer::{AgreementLog, EvidenceLog};
use crate::clock::{Clock, nanoseconds};
use crate::failure::Failure;
use crate::grpc::Methods;
use crate::http::{CookieJar, DeadlineSlot, Deadlines, Endpoint, Origins, TraceIds};
use crate::pace::{Alarm, Dispatcher, Pacer, QuantumRange};
use crate::record::SharedRecorder;

/// The shortest interval between checks of the deadlines: the resolution of the runtime's timers.
const DEADLINE_CHECK_MIN: Duration = Duration::from_millis(1);

/// The longest interval between checks of the deadlines.
const DEADLINE_CHECK_MAX: Duration = Duration::from_secs(1);

/// State that the pacer, the ticker and the users of one run share. All of them run on one thread, so
/// its locks are never contended.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) scenario: Scenario,
    /// The part of the schedule that this generator sends.
    pub(crate) share: Share,
    /// The endpoints of requests, by side.
    endpoints: Vec<Endpoint>,
    pub(crate) clock: Clock,
    pub(crate) dispatcher: Dispatcher,
    /// When each user's request times out.
    pub(crate) deadlines: Deadlines,
    /// Other origins that redirects lead to.
    pub(crate) origins: Origins,
    /// Source of trace ids.
    pub(crate) traces: TraceIds,
    /// The sessions of the share, logged in before the first arrival, by side: a token of one build is not valid
    /// for the other.
    sessions: Vec<Vec<Session>>,
    /// The number of sessions of all shares.
    session_count: u64,
    /// Variables without values, for requests that need none.
    no_variables: Variables,
    /// Counts of checks and journeys, and samples of failures.
    pub(crate) evidence: EvidenceLog,
    /// Compares the answers of two builds. `None` unless the run is paired.
    pub(crate) agreement: Option<AgreementLog>,
    /// Users that have sent at least one request.
    pub(crate) users_used: AtomicU64,
    /// The range of the pacer's quanta.
    pub(crate) quanta: QuantumRange,
    /// Wakes the pacer when it is overdue.
    pub(crate) alarm: Alarm,
    /// Users of the closed model that are taking journeys.
    pub(crate) walking: AtomicUsize,
    /// Set when no further request is to be sent.
    pub(crate) stop: AtomicBool,
    /// The methods of gRPC calls.
    pub(crate) methods: Methods,
    /// The record of the run.
    pub(crate) recorder: SharedRecorder,
}

/// A session that was logged in before the first arrival.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The variables that its login captured.
    pub(crate) variables: Variables,
    /// The cookies that its login set. Stays empty unless the scenario keeps cookies.
    pub(crate) jar: Arc<CookieJar>,
}

impl Shared {
    /// Creates the state of a run. `endpoints` and `sessions` are by side: one each, or two if the
    /// scenario is paired.
    pub(crate) fn new(
        (scenario, share): (Scenario, Share),
        endpoints: Vec<Endpoint>,
        origins: Origins,
        sessions: Vec<Vec<Session>>,
        methods: Methods,
        recorder: SharedRecorder,
    ) -> Self {
        Self {
            no_variables: scenario.variables(),
            evidence: EvidenceLog::new(&scenario),
            agreement: scenario.is_paired().then(|| AgreementLog::new(&scenario)),
            session_count: scenario.sessions.as_ref().map_or(0, |all| all.count),
            scenario,
            share,
            endpoints,
            origins,
            traces: TraceIds::default(),
            clock: Clock::default(),
            dispatcher: Dispatcher::default(),
            deadlines: Deadlines::default(),
            sessions,
            users_used: AtomicU64::new(0),
            quanta: QuantumRange::default(),
            alarm: Alarm::default(),
            walking: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            methods,
            recorder,
        }
    }

    /// The pacer of this run.
    pub(crate) fn pacer(&self) -> Pacer<'_> {
        Pacer {
            clock: &self.clock,
            dispatcher: &self.dispatcher,
            alarm: &self.alarm,
            quanta: &self.quanta,
            recorder: &self.recorder,
            stop: &self.stop,
            wait_max_ns: nanoseconds(self.scenario.load.wait),
        }
    }

    /// Adds to the counts of the run what the recorder does not count, and returns samples of failures.
    ///
    /// `cpu_ns` is the generator's CPU time since the start, which was `wall_ns` ago.
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
        let others = self.origins.reached();
        let others = others.iter().map(|endpoint| &endpoint.target);
        let targets = self.endpoints.iter().map(|endpoint| &endpoint.target);
        for target in targets.chain(others) {
            let counted = target.dials.traffic.counted();
            traffic.sent_bytes += counted.sent_bytes;
            traffic.received_bytes += counted.received_bytes;
            if let Some(durations) = &mut counts.durations {
                durations.add(&target.dials.state().durations());
            }
        }
        counts.traffic = Some(traffic);
        self.evidence.add_to(counts)
    }

    /// The variables to render an arrival's request with: those of its user's session.
    pub(crate) fn variables_of(&self, arrival: &Arrival) -> &Variables {
        self.session_of(arrival)
            .map_or(&self.no_variables, |session| &session.variables)
    }

    /// The session of an arrival's user. `None` if the scenario has no sessions.
    pub(crate) fn session_of(&self, arrival: &Arrival) -> Option<&Session> {
        let side = self.scenario.side_of(arrival.draw.request);
        self.session(side, arrival.draw.user)
    }

    /// The session of a virtual user in a closed model. `None` if the scenario has no sessions.
    pub(crate) fn session_of_user(&self, number: u64) -> Option<&Session> {
        self.session(Side::Baseline, number)
    }

    /// The session of a user, one of this share.
    fn session(&self, side: Side, user: u64) -> Option<&Session> {
        let session = user.checked_rem(self.session_count)?;
        // The share has every session whose number has the remainder of its index, in order.
        let position = session / u64::from(self.share.count());
        self.sessions[side as usize].get(usize::try_from(position).ok()?)
    }

    /// The endpoint that the requests of a side go to.
    pub(crate) fn endpoint(&self, side: Side) -> &Endpoint {
        &self.endpoints[side as usize]
    }

    /// Statistics of the connections: those of both sides, and of other origins.
    fn connections(&self) -> Connections {
        let others = self.origins.reached();
        let others = others.iter().map(|endpoint| endpoint.connections());
        self.endpoints
            .iter()
            .map(Endpoint::connections)
            .chain(others)
            .reduce(|all, one| all.merged(&one))
            .unwrap_or_default()
    }

    /// Awaits an exchange that was sent at `sent_ns`, up to the scenario's timeout.
    ///
    /// For a stream of events, `heard_ns` is when its bytes last arrived: the timeout bounds its silence, not
    /// its duration.
    ///
    /// # Errors
    /// [`Failure::Timeout`] after that, else the failure of the exchange.
    pub(crate) async fn within_timeout<T>(
        &self,
        slot: DeadlineSlot,
        sent_ns: u64,
        heard_ns: Option<&AtomicU64>,
        exchange: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let _clear = ClearDeadline(self, slot);
        let mut exchange = std::pin::pin!(exchange);
        let mut is_set = false;
        let mut since_ns = sent_ns;
        std::future::poll_fn(|context| {
            if let Poll::Ready(done) = exchange.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            let heard = heard_ns.map_or(since_ns, |heard| heard.load(Ordering::Relaxed));
            if !is_set || heard > since_ns {
                is_set = true;
                since_ns = heard;
                let timeout = nanoseconds(self.scenario.load.timeout);
                let due_ns = since_ns.saturating_add(timeout);
                self.deadlines.set(slot, due_ns, context.waker());
            } else if self.deadlines.has_passed(slot) {
                return Poll::Ready(Err(Failure::Timeout));
            }
            Poll::Pending
        })
        .await
    }

    /// Wakes users whose requests have timed out. Never returns.
    pub(crate) async fn watch_deadlines(&self) {
        loop {
            let now = self.clock.now();
            // Deadlines set from now on are at least the timeout away.
            let wait = match self.deadlines.pass(now) {
                Some(next_ns) => Duration::from_nanos(next_ns.saturating_sub(now)),
                None => self.scenario.load.timeout,
            };
            tokio::time::sleep(wait.clamp(DEADLINE_CHECK_MIN, DEADLINE_CHECK_MAX)).await;
        }
    }

    /// Returns true if the run is to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Clears a user's deadline when its exchange ends, even if it is cancelled.
struct ClearDeadline<'a>(&'a Shared, DeadlineSlot);

impl Drop for ClearDeadline<'_> {
    fn drop(&mut self) {
        self.0.deadlines.clear(self.1);
    }
}
