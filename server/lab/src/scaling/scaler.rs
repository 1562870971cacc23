//! The controller of the groups: follows the wish of the rules.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tenfold_autoscale::{Decision, Group, Policy, Sample};

use super::FIGURES;
use super::event_log::{Event, EventLog, Line};
use super::figures::{self, Figure};
use super::plan::{GroupPlan, ScalingPlan, SparePlan};
use super::prometheus_client;
use super::status::GroupStatus;
use crate::LabError;
use crate::balancer::{RuntimeApi, ServerStatus};
use crate::boxes::lab_box::{LabBox, Premises};
use crate::component::haproxy::CHECKS;
use crate::network;
use crate::options::allowance::Allowances;
use crate::watching::{self, FiringAlert};

/// Interval at which boxes that come or go are looked at, and figures are written.
const STEP: Duration = Duration::from_millis(250);

/// Interval at which the rules are read. They are evaluated once a second at most.
const ASK: Duration = Duration::from_millis(500);

/// Time after a failed start without another one in the group.
const PAUSE: Duration = Duration::from_secs(10);

/// Controller of all groups.
#[derive(Debug)]
pub(crate) struct Scaler {
    policy: Policy,
    prometheus: SocketAddr,
    namespace: Option<String>,
    figures: PathBuf,
    targets: PathBuf,
    written_targets: String,
    allowances: Allowances,
    stop_timeout: Duration,
    groups: Vec<ScaledGroup>,
    log: EventLog,
    stepped: Option<Instant>,
    asked: Option<Instant>,
    /// Alerts that fire.
    alerts: Vec<FiringAlert>,
    /// Reason why Prometheus did not answer last time.
    silent_because: Option<String>,
}

/// A group and its boxes beyond the minimum.
#[derive(Debug)]
struct ScaledGroup {
    role: &'static str,
    balancer: &'static str,
    spares: Vec<Spare>,
    decision: Option<Decision>,
    /// No box is started before.
    paused_until: Option<Instant>,
}

/// A box beyond the minimum.
#[derive(Debug)]
struct Spare {
    plan: SparePlan,
    own: Option<LabBox>,
    state: State,
    has_served: bool,
}

/// State of a box beyond the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It does not run.
    Off,
    /// It runs, and is not ready.
    Starting,
    /// It is ready, and the balancer lists it or will.
    Serving,
    /// The balancer sends it no new requests.
    Draining,
    /// It finishes, since then.
    Stopping(Instant),
}

impl Scaler {
    /// Prepares the controller; no box is started.
    pub(crate) fn new(
        plan: ScalingPlan,
        namespaces: impl Fn(&str) -> Option<String>,
        directory: &std::path::Path,
        allowances: Allowances,
        stop_timeout: Duration,
    ) -> Result<Self, LabError> {
        let log = EventLog::create(directory).map_err(|source| LabError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        let group = |group: GroupPlan| ScaledGroup {
            role: group.role,
            balancer: group.balancer,
            spares: group
                .spares
                .into_iter()
                .map(|mut plan| {
                    plan.plan.namespace = namespaces(&plan.plan.name);
                    Spare {
                        plan,
                        own: None,
                        state: State::Off,
                        has_served: false,
                    }
                })
                .collect(),
            decision: None,
            paused_until: None,
        };
        Ok(Self {
            policy: plan.policy,
            prometheus: plan.prometheus,
            namespace: namespaces(plan.prometheus_box),
            figures: plan.figures.join(FIGURES),
            targets: plan.targets,
            written_targets: String::new(),
            allowances,
            stop_timeout,
            groups: plan.groups.into_iter().map(group).collect(),
            log,
            stepped: None,
            asked: None,
            alerts: Vec::new(),
            silent_because: None,
        })
    }

    /// Looks at the boxes, follows the wish, and writes the figures. Does nothing if it was called a moment ago.
    pub(crate) fn step(&mut self, fixed: &[LabBox], premises: &mut Premises<'_>) {
        let now = Instant::now();
        if self
            .stepped
            .is_some_and(|last| now.duration_since(last) < STEP)
        {
            return;
        }
        self.stepped = Some(now);
        self.write_figures(fixed);
        if self
            .asked
            .is_none_or(|last| now.duration_since(last) >= ASK)
        {
            self.asked = Some(now);
            self.ask();
        }
        for group in &mut self.groups {
            let Some(policy) = self.policy.groups.get(group.role) else {
                continue;
            };
            group.follow(policy, fixed, &self.allowances, premises, &mut self.log);
            let balancer = fixed
                .iter()
                .find(|own| own.name() == group.balancer && own.is_up());
            let api = balancer.and_then(LabBox::runtime_api);
            group.advance(api.as_ref(), self.stop_timeout, premises, &mut self.log);
        }
    }

    /// Figures are best effort: without new ones, the rules keep their wish.
    fn write_figures(&mut self, fixed: &[LabBox]) {
        let spares = self.groups.iter().flat_map(|group| &group.spares);
        let spares: Vec<Figure<'_>> = spares
            .filter_map(|spare| {
                let is_drained = !matches!(spare.state, State::Starting | State::Serving);
                Some(Figure {
                    own: spare.own.as_ref()?,
                    is_drained,
                })
            })
            .collect();
        let targets = figures::targets(fixed.iter().chain(spares.iter().map(|own| own.own)));
        let fixed = fixed.iter().map(|own| Figure {
            own,
            is_drained: false,
        });
        let all: Vec<_> = fixed.chain(spares).collect();
        let _ = figures::write(&self.figures, &all);
        if targets != self.written_targets && figures::replace(&self.targets, &targets).is_ok() {
            self.written_targets = targets;
        }
    }

    fn ask(&mut self) {
        let address = self.prometheus;
        let answer = match &self.namespace {
            None => prometheus_client::recorded(address),
            Some(namespace) => network::within(namespace, || prometheus_client::recorded(address)),
        };
        match answer {
            Ok(samples) => {
                self.silent_because = None;
                self.alerts = watching::firing(&samples);
                for group in &mut self.groups {
                    if let Some(policy) = self.policy.groups.get(group.role) {
                        group.decide(policy, &samples, &mut self.log);
                    }
                }
            }
            // The last wish stays.
            Err(error) => self.silent_because = Some(error.to_string()),
        }
    }

    /// Boxes beyond the minimum that run.
    pub(crate) fn boxes(&self) -> impl Iterator<Item = &LabBox> {
        let spares = self.groups.iter().flat_map(|group| &group.spares);
        spares.filter_map(|spare| spare.own.as_ref())
    }

    /// Alerts that fired when Prometheus last answered.
    pub(crate) fn alerts(&self) -> &[FiringAlert] {
        &self.alerts
    }

    /// Status of the groups.
    pub(crate) fn status(&self, fixed: &[LabBox]) -> Vec<GroupStatus> {
        let groups = self.groups.iter().filter_map(|group| {
            let policy = self.policy.groups.get(group.role)?;
            let of_role = fixed.iter().filter(|own| own.role() == group.role);
            let spares = group.spares.iter().filter(|spare| spare.is_wanted());
            let own: Vec<&LabBox> = of_role
                .chain(spares.filter_map(|spare| spare.own.as_ref()))
                .collect();
            let ready = own
                .iter()
                .filter(|own| own.is_up() && !own.is_starting())
                .count();
            let reason = match (&self.silent_because, &group.decision) {
                (Some(reason), _) => format!("prometheus does not answer: {reason}"),
                (None, Some(decision)) => decision.reason.clone(),
                (None, None) => "prometheus has no wish yet".to_owned(),
            };
            Some(GroupStatus {
                name: group.role.to_owned(),
                wish: group.decision.as_ref().map(|decision| decision.wish),
                boxes: u32::try_from(own.len()).unwrap_or(u32::MAX),
                ready: u32::try_from(ready).unwrap_or(u32::MAX),
                min_replicas: policy.min_replicas,
                max_replicas: policy.max_replicas,
                reason,
            })
        });
        groups.collect()
    }

    /// Kills the boxes with these names, or in this zone, as a power failure would. Returns their names.
    pub(crate) fn kill(&mut self, name: &str, premises: &mut Premises<'_>) -> Vec<String> {
        let mut killed = Vec::new();
        for group in &mut self.groups {
            for spare in &mut group.spares {
                let Some(own) = &mut spare.own else { continue };
                let zone = own.zone().map(|zone| format!("zone-{zone}"));
                if (own.name() == name || zone.as_deref() == Some(name)) && own.is_up() {
                    own.kill(premises.guard);
                    killed.push(own.name().to_owned());
                }
            }
        }
        killed
    }

    /// Stops the boxes of a role that run beyond the minimum.
    pub(crate) fn stop_role(
        &mut self,
        role: &str,
        premises: &mut Premises<'_>,
    ) -> Result<(), LabError> {
        let mut outcome = Ok(());
        for group in self.groups.iter_mut().filter(|group| group.role == role) {
            for spare in group.spares.iter_mut().rev() {
                if let Some(mut own) = spare.own.take() {
                    let is_failed = !own.is_up();
                    let stopped = own.stop(self.stop_timeout, premises.guard);
                    // A box that had failed was reported in the log of events.
                    outcome = outcome.and(if is_failed { Ok(()) } else { stopped });
                }
                spare.state = State::Off;
            }
        }
        outcome
    }

    /// Kills all boxes beyond the minimum.
    pub(crate) fn kill_all(&mut self, premises: &mut Premises<'_>) {
        for spare in self.groups.iter_mut().flat_map(|group| &mut group.spares) {
            if let Some(mut own) = spare.own.take() {
                own.kill(premises.guard);
            }
        }
    }
}

impl ScaledGroup {
    fn decide(&mut self, policy: &Group, samples: &[Sample], log: &mut EventLog) {
        // Without a wish, the last one stays.
        let Some(decision) = Decision::of(self.role, policy, samples) else {
            return;
        };
        let before = self.decision.as_ref();
        let mut append = |event, count| {
            log.append(&Line {
                group: self.role,
                event,
                box_name: None,
                count: Some(count),
                reason: Some(&decision.reason),
            });
        };
        if before.is_none_or(|before| before.desired != decision.desired) {
            append(Event::Desired, decision.desired);
        }
        if before.is_none_or(|before| before.wish != decision.wish) {
            append(Event::Wish, decision.wish);
        }
        self.decision = Some(decision);
    }

    /// Starts or drains boxes until their number is the wish. The order of the boxes alternates between the zones.
    fn follow(
        &mut self,
        policy: &Group,
        fixed: &[LabBox],
        allowances: &Allowances,
        premises: &mut Premises<'_>,
        log: &mut EventLog,
    ) {
        let Some(decision) = &self.decision else {
            return;
        };
        let fixed = fixed.iter().filter(|own| own.role() == self.role).count();
        let wish = decision
            .wish
            .clamp(policy.min_replicas, policy.max_replicas);
        let wanted = usize::try_from(wish)
            .unwrap_or(usize::MAX)
            .saturating_sub(fixed);
        let is_paused = self
            .paused_until
            .is_some_and(|until| Instant::now() < until);
        let mut count = self.spares.iter().filter(|spare| spare.is_wanted()).count();
        // A box that is drained is back at once; a new one has to start.
        for spare in &mut self.spares {
            if count < wanted && spare.state == State::Draining {
                let is_starting = spare.own.as_ref().is_some_and(LabBox::is_starting);
                spare.state = match is_starting {
                    true => State::Starting,
                    false => State::Serving,
                };
                spare.note(self.role, Event::Resume, None, log);
                count += 1;
            }
        }
        for spare in &mut self.spares {
            if count < wanted && spare.state == State::Off && !is_paused {
                match LabBox::begin(spare.plan.plan.clone(), allowances.of(self.role), premises) {
                    Ok(own) => {
                        (spare.own, spare.state, spare.has_served) =
                            (Some(own), State::Starting, false);
                        spare.note(self.role, Event::Start, None, log);
                        count += 1;
                    }
                    Err(error) => {
                        spare.note(self.role, Event::Failed, Some(&error.to_string()), log);
                        self.paused_until = Some(Instant::now() + PAUSE);
                        return;
                    }
                }
            }
        }
        for spare in self.spares.iter_mut().rev() {
            if count > wanted && spare.is_wanted() {
                spare.state = State::Draining;
                spare.note(self.role, Event::Drain, None, log);
                count -= 1;
            }
        }
    }

    /// Moves every box on to its next state, if it is time. Does nothing if the balancer does not answer.
    fn advance(
        &mut self,
        api: Option<&RuntimeApi<'_>>,
        stop_timeout: Duration,
        premises: &mut Premises<'_>,
        log: &mut EventLog,
    ) {
        let is_idle = self.spares.iter().all(|spare| spare.state == State::Off);
        let servers = match api {
            Some(api) if !is_idle => api.servers(self.role),
            _ => Err(io::ErrorKind::NotConnected.into()),
        };
        for spare in &mut self.spares {
            let name = spare.plan.plan.name.clone();
            let listed = servers
                .as_ref()
                .map(|servers| servers.iter().find(|own| own.name == name));
            let failure = match spare.state {
                State::Off => None,
                State::Stopping(since) => {
                    spare.finish(since, stop_timeout, premises, self.role, log);
                    None
                }
                _ => spare.look(premises, self.role, log),
            };
            if let Some(reason) = failure {
                spare.note(self.role, Event::Failed, Some(&reason), log);
                spare.own = None;
                spare.state = State::Off;
                self.paused_until = Some(Instant::now() + PAUSE);
            }
            let (Ok(listed), Some(api)) = (listed, api) else {
                continue;
            };
            spare.tell(api, listed, self.role, log);
        }
    }
}

impl Spare {
    fn is_wanted(&self) -> bool {
        matches!(self.state, State::Starting | State::Serving)
    }

    fn note(&self, group: &str, event: Event, reason: Option<&str>, log: &mut EventLog) {
        log.append(&Line {
            group,
            event,
            box_name: Some(&self.plan.plan.name),
            count: None,
            reason,
        });
    }

    /// Looks at a box that runs. Returns the reason if it has failed.
    fn look(
        &mut self,
        premises: &mut Premises<'_>,
        role: &str,
        log: &mut EventLog,
    ) -> Option<String> {
        let own = self.own.as_mut()?;
        if !own.is_up() {
            let exited = own.check(premises.guard).err();
            return Some(
                exited.map_or_else(|| "it was killed".to_owned(), |error| error.to_string()),
            );
        }
        if own.is_starting() {
            match own.look(premises.guard) {
                Ok(false) => return None,
                Ok(true) => {}
                Err(error) => return Some(error.to_string()),
            }
            // Its CPU is limited from now on.
            if let Err(error) = own.hold(premises.guard) {
                return Some(error.to_string());
            }
            if self.state == State::Starting {
                self.state = State::Serving;
                self.note(role, Event::Ready, None, log);
            }
        }
        None
    }

    /// Changes the balancer's list of servers where it differs from the ready boxes. An error is tried again at the next step.
    fn tell(
        &mut self,
        api: &RuntimeApi<'_>,
        listed: Option<&ServerStatus>,
        role: &str,
        log: &mut EventLog,
    ) {
        match (self.state, listed) {
            (State::Serving, None) => {
                let added = api.add(role, &self.plan.plan.name, self.plan.address, CHECKS);
                if added.is_ok() {
                    self.note(role, Event::Admitted, None, log);
                }
            }
            (State::Serving, Some(server)) if server.is_drained() => {
                let _ = api.resume(server);
            }
            // An earlier command was lost between two others.
            (State::Serving, Some(server)) if server.state.starts_with("MAINT") => {
                let _ = api.remove(server);
            }
            (State::Serving, Some(server)) => {
                if server.sent > 0 && !self.has_served {
                    self.has_served = true;
                    self.note(role, Event::FirstRequest, None, log);
                }
            }
            (State::Draining, Some(server)) if server.state.starts_with("MAINT") => {
                let _ = api.remove(server);
            }
            (State::Draining, Some(server)) if server.is_drained() => {
                if server.now == 0 && api.remove(server).is_ok() {
                    self.note(role, Event::Removed, None, log);
                }
            }
            (State::Draining, Some(server)) => {
                let _ = api.drain(server);
            }
            (State::Draining, None) => {
                if let Some(own) = &mut self.own {
                    own.begin_stop();
                    self.state = State::Stopping(Instant::now());
                } else {
                    self.state = State::Off;
                }
            }
            // Its box has failed: requests would fail until the check notices it.
            (State::Off, Some(server)) => {
                let _ = api.remove(server);
            }
            (State::Off | State::Starting | State::Stopping(_), _) => {}
        }
    }

    /// Waits for a box that finishes, without blocking.
    fn finish(
        &mut self,
        since: Instant,
        timeout: Duration,
        premises: &mut Premises<'_>,
        role: &str,
        log: &mut EventLog,
    ) {
        let Some(own) = &mut self.own else {
            self.state = State::Off;
            return;
        };
        let is_over = since.elapsed() >= timeout;
        if own.is_up() && !is_over {
            return;
        }
        let stopped = own.await_stop(Instant::now(), timeout, premises.guard);
        self.own = None;
        self.state = State::Off;
        match stopped {
            Ok(()) => self.note(role, Event::Stopped, None, log),
            Err(error) => self.note(role, Event::Failed, Some(&error.to_string()), log),
        }
    }
}
