//! A group of boxes that come and go, and the choice of the boxes that start or are drained.

use std::time::{Duration, Instant};

use tenfold_autoscale::{Decision, Group, Sample};

use super::event_log::{Event, EventLog, Line};
use super::plan::{GroupPlan, Listing, ServerList};
use super::spare::{Spare, State};
use crate::balancer::{BalancerStatus, RuntimeApi, ServerStatus};
use crate::boxes::lab_box::{LabBox, Premises};
use crate::options::allowance::Allowances;

/// A group and its boxes beyond the minimum.
#[derive(Debug)]
pub(super) struct ScaledGroup {
    pub(super) role: &'static str,
    balancer: &'static str,
    list: ServerList,
    pub(super) spares: Vec<Spare>,
    pub(super) decision: Option<Decision>,
    /// Servers of the balancer. `None` if it did not answer.
    servers: Option<Vec<ServerStatus>>,
}

/// State of a box in its balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It sends it requests, or does not know it yet.
    Used,
    /// It sends it no new requests, because it was asked to.
    Drained,
    /// It sends it no requests, because its health checks fail.
    Down,
}

impl Standing {
    fn of(servers: Option<&[ServerStatus]>, name: &str) -> Self {
        let listed = servers.and_then(|servers| servers.iter().find(|own| own.name == name));
        match listed {
            None => Self::Used,
            Some(server) if server.is_drained() || server.is_in_maintenance() => Self::Drained,
            Some(server) if server.is_sent_requests() => Self::Used,
            Some(_) => Self::Down,
        }
    }
}

/// A box beyond the minimum, as the choice sees it.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    state: State,
    standing: Standing,
    is_held: bool,
    can_start: bool,
}

/// A change of the number of boxes by one: the index of the box, and what happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Resume(usize),
    Start(usize),
    Drain(usize),
}

impl Change {
    /// Returns the next change on the way to a number of boxes. `None` if there is none, or nothing can be done now.
    ///
    /// No healthy box is drained while a fixed one is down.
    fn next(candidates: &[Candidate], wanted: usize, is_fixed_down: bool) -> Option<Self> {
        let is_wanted = |own: &Candidate| own.state.is_wanted();
        let find = |is: &dyn Fn(&Candidate) -> bool| candidates.iter().position(is);
        let find_last = |is: &dyn Fn(&Candidate) -> bool| candidates.iter().rposition(is);
        let count = candidates.iter().filter(|own| is_wanted(own)).count();
        if count < wanted {
            // A box that is drained is back at once; a new one has to start.
            let can_resume = |own: &Candidate| {
                matches!(own.state, State::Draining(_))
                    && own.standing != Standing::Down
                    && !own.is_held
            };
            let resume = find(&can_resume).map(Self::Resume);
            return resume.or_else(|| {
                find(&|own| own.state == State::Off && own.can_start).map(Self::Start)
            });
        }
        if count == wanted {
            return None;
        }
        let down = find_last(&|own| is_wanted(own) && own.standing == Standing::Down);
        let any = || find_last(&is_wanted).filter(|_| !is_fixed_down);
        down.or_else(any).map(Self::Drain)
    }
}

impl ScaledGroup {
    pub(super) fn new(plan: GroupPlan, namespaces: impl Fn(&str) -> Option<String>) -> Self {
        let spares = plan.spares.into_iter().map(|mut spare| {
            spare.plan.namespace = namespaces(&spare.plan.name);
            Spare::new(spare, plan.list)
        });
        Self {
            role: plan.role,
            balancer: plan.balancer,
            list: plan.list,
            spares: spares.collect(),
            decision: None,
            servers: None,
        }
    }

    /// Boxes of the minimum.
    fn fixed<'a>(&self, all: &'a [LabBox]) -> impl Iterator<Item = &'a LabBox> {
        let role = self.role;
        all.iter().filter(move |own| own.role() == role)
    }

    fn api<'a>(&self, fixed: &'a [LabBox]) -> Option<RuntimeApi<'a>> {
        let mut up = fixed.iter().filter(|own| own.is_up());
        let balancer = up.find(|own| own.name() == self.balancer);
        balancer.and_then(LabBox::runtime_api)
    }

    /// State of a box in its balancer.
    pub(super) fn standing(&self, name: &str) -> Standing {
        Standing::of(self.servers.as_deref(), name)
    }

    /// Returns whether a box serves, as far as its process and its balancer show.
    pub(super) fn is_ready(&self, own: &LabBox) -> bool {
        own.is_up() && !own.is_starting() && self.standing(own.name()) != Standing::Down
    }

    /// Boxes of the minimum that are not drained.
    pub(super) fn fixed_wanted<'a>(
        &'a self,
        all: &'a [LabBox],
    ) -> impl Iterator<Item = &'a LabBox> {
        self.fixed(all)
            .filter(|own| own.is_up() && self.standing(own.name()) != Standing::Drained)
    }

    /// Asks the balancer for its servers: always while a box comes or goes, and otherwise only if it `is_due`.
    pub(super) fn look_at_balancer(&mut self, fixed: &[LabBox], is_due: bool) {
        let is_idle = self.spares.iter().all(|spare| spare.state == State::Off);
        if is_due || !is_idle {
            let servers = self
                .api(fixed)
                .and_then(|api| api.servers(self.list.name).ok());
            self.servers = servers.map(|mut servers| {
                servers.retain(|server| !self.is_only_named(server));
                servers
            });
        }
    }

    /// Returns whether the balancer's settings name a server that it was not told to use: there is no box.
    fn is_only_named(&self, server: &ServerStatus) -> bool {
        self.list.listing == Listing::Named
            && server.is_in_maintenance()
            && self.spares.iter().any(|own| own.name() == server.name)
    }

    /// Corrects the counters of the group's balancer: a box that goes has not failed, and a server without a box is none.
    pub(super) fn correct(&self, balancer: &mut BalancerStatus) {
        if balancer.name != self.balancer || self.list.listing != Listing::Named {
            return;
        }
        balancer
            .servers
            .retain(|server| server.sent > 0 || !self.is_only_named(server));
        for server in &mut balancer.servers {
            let own = self.spares.iter().find(|own| own.name() == server.name);
            if let Some(own) = own.filter(|_| server.list == self.list.name) {
                server.times_down = server.times_down.saturating_sub(own.times_taken_out());
                if self.is_only_named(server) {
                    server.down_s = 0;
                }
            }
        }
    }

    pub(super) fn decide(&mut self, policy: &Group, samples: &[Sample], log: &mut EventLog) {
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
    pub(super) fn follow(
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
        let wish = decision
            .wish
            .clamp(policy.min_replicas, policy.max_replicas);
        // One that is started again counts once it is ready, so that its replacement stays until then.
        let present = self.fixed_wanted(fixed).filter(|own| !own.is_starting());
        let wanted = usize::try_from(wish)
            .unwrap_or(usize::MAX)
            .saturating_sub(present.count());
        let is_fixed_down = self
            .fixed(fixed)
            .any(|own| own.is_up() && self.standing(own.name()) == Standing::Down);
        // Each change brings the number closer, or excludes a box that can't start.
        while let Some(change) = Change::next(&self.candidates(), wanted, is_fixed_down) {
            let (Change::Resume(index) | Change::Start(index) | Change::Drain(index)) = change;
            let Some(spare) = self.spares.get_mut(index) else {
                return;
            };
            match change {
                Change::Resume(_) => spare.resume(log),
                Change::Start(_) => spare.begin(allowances.of(self.role), premises, log),
                Change::Drain(_) => spare.drain(log),
            }
        }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let now = Instant::now();
        let candidates = self.spares.iter().map(|spare| Candidate {
            state: spare.state,
            standing: self.standing(spare.name()),
            is_held: spare.is_held,
            can_start: spare.can_start(now),
        });
        candidates.collect()
    }

    /// Moves every box on to its next state, if it is time.
    pub(super) fn advance(
        &mut self,
        fixed: &[LabBox],
        stop_timeout: Duration,
        premises: &mut Premises<'_>,
        log: &mut EventLog,
    ) {
        let api = self.api(fixed);
        let balancer = api.as_ref().zip(self.servers.as_deref());
        for spare in &mut self.spares {
            spare.advance(balancer, stop_timeout, premises, log);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Standing = Standing::Used;

    fn candidates(states: &[(State, Standing)]) -> Vec<Candidate> {
        let candidate = |(state, standing): &(State, Standing)| Candidate {
            state: *state,
            standing: *standing,
            is_held: false,
            can_start: true,
        };
        states.iter().map(candidate).collect()
    }

    fn next(candidates: &[Candidate], wanted: usize) -> Option<Change> {
        Change::next(candidates, wanted, false)
    }

    #[test]
    fn starts_in_order_and_drains_in_reverse() {
        let some = candidates(&[
            (State::Serving, UP),
            (State::Starting, UP),
            (State::Off, UP),
        ]);
        assert_eq!(next(&some, 3), Some(Change::Start(2)));
        assert_eq!(next(&some, 2), None);
        assert_eq!(next(&some, 1), Some(Change::Drain(1)));
    }

    #[test]
    fn resumes_drained_box_before_starting_another() {
        let draining = State::Draining(Instant::now());
        let some = candidates(&[(State::Off, UP), (draining, Standing::Drained)]);
        assert_eq!(next(&some, 1), Some(Change::Resume(1)));
    }

    #[test]
    fn does_not_resume_box_that_is_down() {
        let draining = State::Draining(Instant::now());
        let some = candidates(&[(draining, Standing::Down), (State::Off, UP)]);
        assert_eq!(next(&some, 1), Some(Change::Start(1)));
        assert_eq!(next(&some[..1], 1), None);
    }

    #[test]
    fn drains_box_that_is_down_first() {
        let some = candidates(&[(State::Serving, Standing::Down), (State::Serving, UP)]);
        assert_eq!(next(&some, 1), Some(Change::Drain(0)));
    }

    #[test]
    fn keeps_healthy_boxes_while_fixed_one_is_down() {
        let some = candidates(&[(State::Serving, UP), (State::Serving, Standing::Down)]);
        assert_eq!(Change::next(&some, 0, true), Some(Change::Drain(1)));
        assert_eq!(Change::next(&some[..1], 0, true), None);
    }

    #[test]
    fn passes_over_boxes_that_failed_or_are_held() {
        let draining = State::Draining(Instant::now());
        let mut some = candidates(&[(State::Off, UP), (draining, UP), (State::Off, UP)]);
        some[0].can_start = false;
        some[1].is_held = true;
        assert_eq!(next(&some, 1), Some(Change::Start(2)));
        some[2].can_start = false;
        assert_eq!(next(&some, 1), None);
    }
}
