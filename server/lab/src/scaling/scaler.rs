//! The controller of the groups: follows the wish of the rules.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tenfold_autoscale::Policy;

use super::FIGURES;
use super::event_log::EventLog;
use super::figures::{self, Figure};
use super::group::{ScaledGroup, Standing};
use super::plan::ScalingPlan;
use super::prometheus_client;
use super::spare::{Spare, State};
use super::status::{GroupStatus, SpareUse};
use crate::LabError;
use crate::balancer::BalancerStatus;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::build::Build;
use crate::boxes::lab_box::{LabBox, Premises};
use crate::network;
use crate::options::allowance::Allowances;
use crate::watching::{self, FiringAlert};

/// Interval at which boxes that come or go are looked at, and figures are written.
const STEP: Duration = Duration::from_millis(250);

/// Interval at which the rules are read. They are evaluated once a second at most.
const ASK: Duration = Duration::from_millis(500);

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
        let groups = plan.groups.into_iter();
        let groups = groups.map(|group| ScaledGroup::new(group, &namespaces));
        Ok(Self {
            policy: plan.policy,
            prometheus: plan.prometheus,
            namespace: namespaces(plan.prometheus_box),
            figures: plan.figures.join(FIGURES),
            targets: plan.targets,
            written_targets: String::new(),
            allowances,
            stop_timeout,
            groups: groups.collect(),
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
        let is_due = self
            .asked
            .is_none_or(|last| now.duration_since(last) >= ASK);
        for group in &mut self.groups {
            group.look_at_balancer(fixed, is_due);
        }
        self.write_figures(fixed);
        if is_due {
            self.asked = Some(now);
            self.ask();
        }
        for group in &mut self.groups {
            let Some(policy) = self.policy.groups.get(group.role) else {
                continue;
            };
            group.follow(policy, fixed, &self.allowances, premises, &mut self.log);
            group.advance(fixed, self.stop_timeout, premises, &mut self.log);
        }
    }

    /// Figures are best effort: without new ones, the rules keep their wish.
    fn write_figures(&mut self, fixed: &[LabBox]) {
        let group_of = |own: &LabBox| self.groups.iter().find(|group| group.role == own.role());
        let fixed = fixed.iter().map(|own| {
            let group = group_of(own);
            Figure {
                own,
                is_ready: group.map_or(own.is_up() && !own.is_starting(), |group| {
                    group.is_ready(own)
                }),
                is_drained: group
                    .is_some_and(|group| group.standing(own.name()) == Standing::Drained),
            }
        });
        let spares = self.groups.iter().flat_map(|group| {
            group.spares.iter().filter_map(|spare| {
                let own = spare.own.as_ref()?;
                Some(Figure {
                    own,
                    is_ready: group.is_ready(own),
                    is_drained: !spare.state.is_wanted(),
                })
            })
        });
        let all: Vec<Figure<'_>> = fixed.chain(spares).collect();
        let targets = figures::targets(all.iter().map(|figure| figure.own));
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

    /// Names of the groups whose number of boxes can change.
    pub(crate) fn groups(&self) -> Vec<String> {
        let groups = self.policy.groups.iter();
        groups
            .filter(|(_, group)| group.min_replicas < group.max_replicas)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Use of the boxes beyond the minimum that have run.
    pub(crate) fn used(&self) -> impl Iterator<Item = SpareUse> {
        let spares = self.groups.iter().flat_map(|group| &group.spares);
        spares.filter_map(Spare::used)
    }

    /// Status of the groups.
    pub(crate) fn status(&self, fixed: &[LabBox]) -> Vec<GroupStatus> {
        let groups = self.groups.iter().filter_map(|group| {
            let policy = self.policy.groups.get(group.role)?;
            let spares = group.spares.iter().filter(|spare| spare.state.is_wanted());
            let own: Vec<&LabBox> = group
                .fixed_wanted(fixed)
                .chain(spares.filter_map(|spare| spare.own.as_ref()))
                .collect();
            let ready = own.iter().filter(|own| group.is_ready(own)).count();
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

    /// Corrects the counters of a balancer: a box that goes has not failed, and a server without a box is none.
    pub(crate) fn correct(&self, balancer: &mut BalancerStatus) {
        for group in &self.groups {
            group.correct(balancer);
        }
    }

    /// Names of the boxes beyond the minimum, running or not, with this name or in this zone.
    pub(crate) fn names(&self, name: &str) -> Vec<String> {
        let spares = self.groups.iter().flat_map(|group| &group.spares);
        spares
            .filter(|spare| spare.is_called(name))
            .map(|spare| spare.name().to_owned())
            .collect()
    }

    /// Drains the boxes with this name, or in this zone, and lets none of them start before it is released.
    pub(crate) fn hold(&mut self, name: &str) {
        for spare in self.groups.iter_mut().flat_map(|group| &mut group.spares) {
            if spare.is_called(name) {
                spare.is_held = true;
                if spare.state.is_wanted() {
                    spare.drain(&mut self.log);
                }
            }
        }
    }

    /// Lets the boxes with this name, or in this zone, start again. Returns the names of those that were held.
    pub(crate) fn release(&mut self, name: &str) -> Vec<String> {
        let spares = self.groups.iter_mut().flat_map(|group| &mut group.spares);
        let held = spares.filter(|spare| spare.is_held && spare.is_called(name));
        held.map(|spare| {
            spare.is_held = false;
            spare.name().to_owned()
        })
        .collect()
    }

    /// Kills the boxes with this name, or in this zone, as a power failure would. Returns their names. In a zone, none starts
    /// until they are released.
    pub(crate) fn kill(&mut self, name: &str, premises: &mut Premises<'_>) -> Vec<String> {
        let mut killed = Vec::new();
        for spare in self.groups.iter_mut().flat_map(|group| &mut group.spares) {
            spare.is_held |= spare.is_in(name);
            let is_called = spare.is_called(name);
            let Some(own) = spare.own.as_mut().filter(|own| is_called && own.is_up()) else {
                continue;
            };
            own.kill(premises.guard);
            killed.push(own.name().to_owned());
        }
        killed
    }

    /// Plans of the boxes beyond the minimum, and the boxes that run.
    pub(crate) fn plans(&self) -> impl Iterator<Item = (&BoxPlan, Option<&LabBox>)> {
        let spares = self.groups.iter().flat_map(|group| &group.spares);
        spares.map(|spare| (&spare.plan.plan, spare.own.as_ref()))
    }

    /// Returns whether a box does not run.
    pub(crate) fn is_off(&self, name: &str) -> bool {
        let mut spares = self.groups.iter().flat_map(|group| &group.spares);
        spares.any(|spare| spare.name() == name && spare.state == State::Off)
    }

    /// Returns whether a box was drained by hand.
    pub(crate) fn is_held(&self, name: &str) -> bool {
        let mut spares = self.groups.iter().flat_map(|group| &group.spares);
        spares.any(|spare| spare.name() == name && spare.is_held)
    }

    /// Sets the build of a box, from its next start on.
    pub(crate) fn set_build(&mut self, name: &str, build: Build) {
        let mut spares = self.groups.iter_mut().flat_map(|group| &mut group.spares);
        if let Some(spare) = spares.find(|spare| spare.name() == name) {
            spare.plan.plan.set_build(build);
        }
    }

    /// Replaces a password that boxes are started with.
    pub(crate) fn replace_password(&mut self, earlier: &str, password: &str) {
        for spare in self.groups.iter_mut().flat_map(|group| &mut group.spares) {
            spare.plan.plan.replace_password(earlier, password);
            if let Some(own) = &mut spare.own {
                own.replace_password(earlier, password);
            }
        }
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
