//! A lab: the boxes of one stage, running on this machine.

mod outage;
mod replacement;
mod rotation;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::balancer::{BalancerStatus, RuntimeApi};
use crate::boxes::cgroup::Groups;
use crate::boxes::guard::Guard;
use crate::boxes::lab_box::Premises;
use crate::control::socket::{self, Answer, ControlSocket, Request, Responder};
use crate::control::status::{BoxStatus, EntranceStatus, LabStatus};
use crate::directory::lock::{DirectoryLock, Holder};
use crate::identity::Authority;
use crate::network::Network;
use crate::network::site::Site;
use crate::options::LabOptions;
use crate::options::{optional, role_count};
use crate::scaling::{self, Scaler};
use crate::stage::stage_plan::{Entrance, StagePlan};
use crate::starting::start_watch::StartLimits;
use crate::watching::{self, WatchingPlan, WatchingStatus};
use crate::{LabBox, LabError, Stage};

pub use rotation::Rotation;

/// Interval at which a running lab checks its boxes and its control socket.
const POLL: Duration = Duration::from_millis(20);

/// Time limit for a box of an earlier lab to exit.
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(15);

/// Interval at which boxes that start are looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Interval at which a caller hears of boxes that start.
const SHOW_EVERY: Duration = Duration::from_millis(500);

/// A stage, running on this machine. Dropping it kills its boxes.
#[derive(Debug)]
pub struct Lab {
    stage: &'static Stage,
    directory: PathBuf,
    holder: Holder,
    // In start order.
    boxes: Vec<LabBox>,
    /// Boxes that are started once the others are ready.
    planned: VecDeque<PlannedBox>,
    entrance: Entrance,
    limits: StartLimits,
    stop_timeout: Duration,
    groups: Option<Groups>,
    unconfined_because: Option<String>,
    control: Option<ControlSocket>,
    /// Process that asked the lab to stop before it was up.
    given_up_for: Option<Responder>,
    // Dropped once no box is left in it, and before the guard.
    network: Option<Network>,
    /// Boxes that come and go. `None` if the stage has none, or before all others are ready.
    scaler: Option<Mutex<Scaler>>,
    /// Pages and missing programs. `None` if the stage has none.
    watching: Option<WatchingPlan>,
    /// Authority of the certificates. `None` if the boxes have none.
    authority: Option<Authority>,
    guard: Mutex<Guard>,
    // Dropped last, once no box uses the directory.
    _lock: DirectoryLock,
}

/// A box of a lab that comes up, which is not started yet.
#[derive(Debug)]
struct PlannedBox {
    name: String,
    role: &'static str,
    zone: Option<&'static str>,
}

/// Follows boxes that start.
pub struct Watch<'a> {
    /// Returns true once the boxes are not needed any more.
    pub is_over: &'a dyn Fn() -> bool,
    /// Called about twice a second until all boxes are ready.
    pub on_status: &'a mut dyn FnMut(&LabStatus),
}

/// Reason why [`Lab::tend`] returned.
#[derive(Debug)]
pub enum End {
    /// The caller asked the lab to stop.
    Stopped,
    /// Another process asked the lab to stop and waits for confirmation.
    Requested(Responder),
}

/// Brings a stage up and returns once every box is ready.
///
/// A box may take as long as it makes progress, up to a limit. If this machine does not allow control groups, the
/// boxes run unconfined; [`Lab::unconfined_because`] returns the reason.
///
/// # Errors
///
/// Returns an error if the stage is not built, lacks a box that was given an allowance, or other labs hold the
/// directory and its spares, and if a box fails to start, exits early or makes no progress. No box is left running
/// after an error.
pub fn up(stage: &'static Stage, options: &LabOptions) -> Result<Lab, LabError> {
    let mut watch = Watch {
        is_over: &|| false,
        on_status: &mut |_| {},
    };
    up_watched(stage, options, &mut watch)
}

/// Like [`up`], but shows how far the boxes are, and gives up when the caller or another process asks for it.
///
/// # Errors
/// The errors of [`up`], and [`LabError::Interrupted`] if it gave up.
pub fn up_watched(
    stage: &'static Stage,
    options: &LabOptions,
    watch: &mut Watch<'_>,
) -> Result<Lab, LabError> {
    let (plan, roles) = (stage.plan, stage.roles);
    options.allowances.check(stage.name, roles)?;
    role_count::check(&options.counts, stage.name, stage.countable)?;
    optional::check(&options.with, stage.name, stage.optional)?;
    let holder = Holder::of_this_process(stage.name, &options.command);
    let (directory, lock) =
        DirectoryLock::take_first_free(&options.directory, options.spares, &holder)?;
    let options = &LabOptions {
        directory,
        ..options.clone()
    };
    let wanted = roles
        .iter()
        .any(|role| options.allowances.of(role).is_some());
    let (groups, unconfined_because) = match wanted.then(Groups::make) {
        Some(Ok(groups)) => (Some(groups), None),
        Some(Err(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    let directories = groups.as_ref().map(Groups::directories).unwrap_or_default();
    let socket = socket::path_in(&options.directory);
    let guard = std::path::absolute(&socket)
        .and_then(|socket| Guard::start(&socket, &directories, lock.share()?));
    let guard = guard.map_err(|source| LabError::Start {
        name: "guard".to_owned(),
        program: "sh".into(),
        source,
    })?;
    let mut lab = Lab {
        stage,
        directory: options.directory.clone(),
        holder,
        boxes: Vec::new(),
        planned: VecDeque::new(),
        entrance: Entrance::default(),
        limits: StartLimits {
            stall: options.stall_timeout,
            total: options.ready_timeout,
        },
        stop_timeout: options.stop_timeout,
        groups,
        unconfined_because,
        control: None,
        given_up_for: None,
        network: None,
        scaler: None,
        watching: None,
        authority: None,
        guard: Mutex::new(guard),
        _lock: lock,
    };
    if options.listens {
        lab.control = Some(ControlSocket::listen(&lab.directory)?);
    }
    let mut site = match options.network {
        true => Site::Network(Network::plan()?),
        false => Site::loopback(),
    };
    let StagePlan {
        waves,
        entrance,
        flows,
        scaling,
        watching,
        authority,
    } = plan(options, &mut site)?;
    lab.entrance = entrance;
    lab.watching = watching;
    lab.authority = authority;
    if let Site::Network(mut network) = site {
        for namespace in network.namespaces() {
            inner(&mut lab.guard).keep_namespace(&namespace);
        }
        network.make(&flows, &options.ssh_from)?;
        lab.network = Some(network);
    }
    let planned = waves.iter().flatten().map(|plan| PlannedBox {
        name: plan.name.clone(),
        role: plan.role,
        zone: plan.zone,
    });
    lab.planned = planned.collect();
    for wave in waves {
        for mut plan in wave {
            let network = lab.network.as_ref();
            let shared = plan.beside.unwrap_or(&plan.name);
            plan.namespace = network.and_then(|network| network.namespace(shared));
            let allowance = options.allowances.of(plan.role);
            let (_, mut premises) = lab.parts();
            let begun = LabBox::begin(plan, allowance, &mut premises)?;
            lab.planned.pop_front();
            lab.boxes.push(begun);
        }
        lab.await_ready(None, watch)?;
    }
    // Confined only once all are ready: loading the data set needs a database at full speed.
    for own in &mut lab.boxes {
        own.hold(inner(&mut lab.guard))?;
    }
    if let Some(scaling) = scaling {
        let network = lab.network.as_ref();
        let namespaces = |name: &str| network.and_then(|network| network.namespace(name));
        let (allowances, stop) = (options.allowances.clone(), options.stop_timeout);
        let scaler = Scaler::new(scaling, namespaces, &lab.directory, allowances, stop)?;
        lab.scaler = Some(Mutex::new(scaler));
    }
    Ok(lab)
}

impl Lab {
    /// The stage that is up.
    pub fn stage(&self) -> &'static Stage {
        self.stage
    }

    /// Its directory: that of the options, or a spare one.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The boxes, in start order.
    pub fn boxes(&self) -> &[LabBox] {
        &self.boxes
    }

    /// Address of the entrance. `None` if the entrance box does not listen.
    pub fn address(&self) -> Option<SocketAddr> {
        self.boxes
            .iter()
            .find(|own| own.name() == self.entrance.name)
            .and_then(LabBox::address)
    }

    /// CA certificate that signed the entrance's certificate. `None` if the entrance serves plain HTTP.
    pub fn ca(&self) -> Option<&Path> {
        self.entrance.ca.as_deref()
    }

    /// Address that redirects plain HTTP to HTTPS. `None` if the entrance serves plain HTTP.
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        self.entrance.redirect
    }

    /// The box whose metrics and profiles represent the service. `None` if several boxes run it, since
    /// each counts only its share of the requests.
    pub fn service(&self) -> Option<&LabBox> {
        let mut matching = self.boxes.iter().filter(|own| own.is_service());
        let first = matching.next()?;
        matching.next().is_none().then_some(first)
    }

    /// Address of the metrics and profiles of [`Lab::service`].
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.service().and_then(LabBox::admin_address)
    }

    /// Reason why the boxes are not confined. `None` if they are, or if no allowance was requested.
    pub fn unconfined_because(&self) -> Option<&str> {
        self.unconfined_because.as_deref()
    }

    /// Names of the groups whose number of boxes can change while the lab is up.
    pub fn scaled_groups(&self) -> Vec<String> {
        self.with_scaler(|scaler, _, _| scaler.groups())
    }

    /// Status of the lab and its boxes.
    pub fn status(&self) -> LabStatus {
        let mut boxes: Vec<BoxStatus> = self.boxes.iter().map(BoxStatus::of).collect();
        let (mut groups, mut spares, mut alerts) = (Vec::new(), Vec::new(), Vec::new());
        // The scaler is not held while balancers are asked.
        let mut balancers: Vec<_> = self.balancers().map(|(status, _)| status).collect();
        if let Some(scaler) = self.scaler.as_ref().map(lock) {
            boxes.extend(scaler.boxes().map(BoxStatus::of));
            groups = scaler.status(&self.boxes);
            spares = scaler.used().collect();
            alerts = scaler.alerts().to_vec();
            for balancer in &mut balancers {
                scaler.correct(balancer);
            }
        }
        let planned = self.planned.iter();
        boxes.extend(planned.map(|own| BoxStatus::planned(&own.name, own.role, own.zone)));
        LabStatus {
            stage: self.stage.name.to_owned(),
            pid: std::process::id(),
            command: self.holder.command.clone(),
            is_starting: !self.planned.is_empty() || self.boxes.iter().any(LabBox::is_starting),
            unconfined_because: self.unconfined_because.clone(),
            entrance: self.address().map(|address| EntranceStatus {
                url: match self.entrance.ca {
                    Some(_) => format!("https://{address}"),
                    None => format!("http://{address}"),
                },
                ca: self.entrance.ca.clone(),
                redirect: self.entrance.redirect,
                door: self.entrance.door.clone(),
            }),
            boxes,
            balancers,
            builds: self.builds(),
            groups,
            spares,
            watching: self.watching.as_ref().map(|plan| WatchingStatus {
                alerts,
                pages: plan.pages.clone(),
                missing: plan.missing.clone(),
            }),
        }
    }

    /// Returns the state of the boxes that were started. As [`Lab::status`], but asks no balancer.
    pub fn started_boxes(&self) -> Vec<BoxStatus> {
        let scaler = self.scaler.as_ref().map(lock);
        let scaled = scaler.iter().flat_map(|scaler| scaler.boxes());
        self.boxes.iter().chain(scaled).map(BoxStatus::of).collect()
    }

    /// Log of alerts that began or ended, one JSON document a line. Empty if there was none.
    pub fn incident_log(&self) -> String {
        let log = watching::incidents_path(&self.directory);
        self.watching
            .as_ref()
            .and_then(|_| std::fs::read_to_string(log).ok())
            .unwrap_or_default()
    }

    /// Log of the groups of boxes that come and go, one JSON document a line. Empty if the stage has none.
    pub fn scaling_log(&self) -> String {
        let log = scaling::log_path(&self.directory);
        self.scaler
            .as_ref()
            .and_then(|_| std::fs::read_to_string(log).ok())
            .unwrap_or_default()
    }

    /// Returns an error, with the log's last lines, if a box has exited unexpectedly.
    pub fn check(&mut self) -> Result<(), LabError> {
        let guard = inner(&mut self.guard);
        self.boxes.iter_mut().try_for_each(|own| own.check(guard))
    }

    /// Limits the CPU of the boxes of a role to a share of their allowance, from now on. A share of 1 restores it.
    ///
    /// # Errors
    /// Returns an error if no box has this role, a box is not confined, or its share would be less than the kernel grants. The other boxes of the
    /// role are limited nevertheless.
    pub fn share_cpu(&self, role: &str, share: f64) -> Result<(), LabError> {
        let chosen = self.boxes.iter().filter(|own| own.role() == role);
        let limited: Vec<Result<(), LabError>> = chosen.map(|own| own.share_cpu(share)).collect();
        match limited.is_empty() {
            true => Err(LabError::Refused(format!("no box has the role {role}"))),
            false => limited.into_iter().collect(),
        }
    }

    /// Watches the lab until `is_over` is true or another process asks it to stop. Answers requests on the
    /// control socket and calls `report` for each box that exits unexpectedly.
    pub fn tend(&mut self, is_over: impl Fn() -> bool, mut report: impl FnMut(&LabError)) -> End {
        loop {
            if is_over() {
                return End::Stopped;
            }
            for own in &mut self.boxes {
                if own.pid().is_some()
                    && let Err(error) = own.check(inner(&mut self.guard))
                {
                    report(&error);
                }
            }
            self.scale();
            let request = self.control.as_ref().and_then(ControlSocket::next_request);
            let Some((request, responder)) = request else {
                std::thread::sleep(POLL);
                continue;
            };
            let done = match &request {
                Request::Down => return End::Requested(responder),
                Request::Status => {
                    responder.answer(&Answer::Status(Box::new(self.status())));
                    continue;
                }
                Request::Kill { name } => self.kill(name),
                Request::Drain { name } => self.drain(name, &is_over),
                Request::Revive { name } => {
                    let mut watch = Watch {
                        is_over: &is_over,
                        on_status: &mut |status| responder.show(&status.starting_boxes()),
                    };
                    self.revive_watched(name, &mut watch)
                }
                Request::Replace { name, change } => {
                    let mut watch = Watch {
                        is_over: &is_over,
                        on_status: &mut |status| responder.show(&status.starting_boxes()),
                    };
                    self.replace(name, change, &mut watch)
                }
                Request::Rotate { rotation } => {
                    let mut watch = Watch {
                        is_over: &is_over,
                        on_status: &mut |status| responder.show(&status.starting_boxes()),
                    };
                    self.rotate(*rotation, &mut watch)
                }
            };
            responder.answer(&match done {
                Ok(names) => Answer::Done(names),
                Err(LabError::UnknownBox { name, there }) => Answer::Unknown { name, there },
                Err(error) => Answer::Refused(error.to_string()),
            });
        }
    }

    /// Answers other processes until `is_over` is true, for a lab that belongs to another command: it shows its
    /// status, and refuses everything else.
    pub fn answer(&self, is_over: &dyn Fn() -> bool) {
        while !is_over() {
            self.scale();
            let request = self.control.as_ref().and_then(ControlSocket::next_request);
            match request {
                // Rarely: the same process sends the load.
                None => std::thread::sleep(5 * POLL),
                Some((Request::Status, responder)) => {
                    responder.answer(&Answer::Status(Box::new(self.status())));
                }
                Some((_, responder)) => responder.answer(&Answer::Refused(format!(
                    "the lab in {} belongs to `{}` and ends with it; interrupt that with `kill -INT {}`",
                    self.directory.display(),
                    self.holder.command,
                    self.holder.pid
                ))),
            }
        }
    }

    /// Waits until a box is ready, or all that were started, if `only` is `None`.
    ///
    /// # Errors
    /// Returns an error as soon as one of them has exited or made no progress for too long, and if the caller, or
    /// another process that stops the lab, gives up.
    fn await_ready(&mut self, only: Option<usize>, watch: &mut Watch<'_>) -> Result<(), LabError> {
        let mut shown: Option<Instant> = None;
        loop {
            let mut is_ready = true;
            for (index, own) in self.boxes.iter_mut().enumerate() {
                // Also those that were ready: what depends on a box that has died would wait in vain.
                if only.is_none_or(|only| only == index) {
                    is_ready &= own.look(inner(&mut self.guard))?;
                }
            }
            if is_ready {
                return Ok(());
            }
            self.scale();
            self.answer_while_starting(only.is_none());
            if (watch.is_over)() || self.given_up_for.is_some() {
                return Err(LabError::Interrupted);
            }
            if shown.is_none_or(|shown| shown.elapsed() >= SHOW_EVERY) {
                (watch.on_status)(&self.status());
                shown = Some(Instant::now());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Answers the next request while boxes start. A request to stop is answered once the boxes have ended, and
    /// only accepted if `can_stop`.
    fn answer_while_starting(&mut self, can_stop: bool) {
        let request = self.control.as_ref().and_then(ControlSocket::next_request);
        match request {
            None => {}
            Some((Request::Status, responder)) => {
                responder.answer(&Answer::Status(Box::new(self.status())));
            }
            Some((Request::Down, responder)) if can_stop => self.given_up_for = Some(responder),
            Some((_, responder)) => responder.answer(&Answer::Refused(format!(
                "boxes are starting ({}); try again once they are up",
                self.status().starting_boxes()
            ))),
        }
    }

    /// Stops the boxes in reverse start order. Each finishes its requests in flight, and is killed if it
    /// does not exit in time.
    ///
    /// # Errors
    ///
    /// Returns the first error if a box had to be killed or failed. No box is left running in any case.
    pub fn stop(mut self) -> Result<(), LabError> {
        let mut outcome = Ok(());
        while let Some(mut last) = self.boxes.pop() {
            // Those beyond the minimum stop with the first of their role.
            let scaled = self
                .with_scaler(|scaler, _, premises| Some(scaler.stop_role(last.role(), premises)));
            outcome = outcome.and(scaled.unwrap_or(Ok(())));
            outcome = outcome.and(last.stop(self.stop_timeout, inner(&mut self.guard)));
        }
        outcome
    }

    /// Lets the groups follow their wish: starts and drains boxes, without waiting for them.
    fn scale(&self) {
        self.with_scaler(|scaler, boxes, premises| scaler.step(boxes, premises));
    }

    /// Calls `work` with the scaler, the other boxes, and what is needed to start and end boxes. Returns the default
    /// without a scaler.
    fn with_scaler<T: Default>(
        &self,
        work: impl FnOnce(&mut Scaler, &[LabBox], &mut Premises<'_>) -> T,
    ) -> T {
        let Some(scaler) = &self.scaler else {
            return T::default();
        };
        let mut guard = lock(&self.guard);
        let mut premises = Premises {
            directory: &self.directory,
            groups: self.groups.as_ref(),
            guard: &mut guard,
            limits: self.limits,
            // It is tried again later.
            orphan_timeout: Duration::ZERO,
        };
        work(&mut lock(scaler), &self.boxes, &mut premises)
    }

    /// Status and runtime API of each running balancer.
    fn balancers(&self) -> impl Iterator<Item = (BalancerStatus, RuntimeApi<'_>)> {
        let up = self.boxes.iter().filter(|own| own.is_up());
        up.filter_map(|own| {
            let api = own.runtime_api()?;
            Some((api.status(own.name()), api))
        })
    }

    fn parts(&mut self) -> (&mut [LabBox], Premises<'_>) {
        let premises = Premises {
            directory: &self.directory,
            groups: self.groups.as_ref(),
            guard: inner(&mut self.guard),
            limits: self.limits,
            orphan_timeout: ORPHAN_TIMEOUT,
        };
        (&mut self.boxes, premises)
    }

    fn names(&self, chosen: &[usize]) -> Vec<String> {
        let names = chosen.iter().filter_map(|index| self.boxes.get(*index));
        names.map(|own| own.name().to_owned()).collect()
    }

    /// Names of the boxes that come and go with this name or in this zone.
    fn scaled_names(&self, name: &str) -> Vec<String> {
        self.with_scaler(|scaler, _, _| scaler.names(name))
    }

    /// Indices of the boxes with this name or in this zone, without those that come and go.
    fn chosen(&self, name: &str) -> Result<Vec<usize>, LabError> {
        let is_it = |own: &LabBox| {
            own.name() == name
                || own
                    .zone()
                    .is_some_and(|zone| name == format!("zone-{zone}"))
        };
        let boxes = self.boxes.iter().enumerate();
        let chosen: Vec<usize> = boxes
            .filter(|(_, own)| is_it(own))
            .map(|(index, _)| index)
            .collect();
        if !chosen.is_empty() || !self.scaled_names(name).is_empty() {
            return Ok(chosen);
        }
        let mut there: Vec<String> = self.boxes.iter().map(|own| own.name().to_owned()).collect();
        there.append(
            &mut self.with_scaler(|scaler, _, _| {
                scaler.boxes().map(|own| own.name().to_owned()).collect()
            }),
        );
        let zones = self.boxes.iter().filter_map(LabBox::zone);
        let mut zones: Vec<String> = zones.map(|zone| format!("zone-{zone}")).collect();
        zones.sort();
        zones.dedup();
        there.extend(zones);
        Err(LabError::UnknownBox {
            name: name.to_owned(),
            there: there.join(", "),
        })
    }
}

fn refused_by(balancer: &str, reason: &str) -> LabError {
    LabError::Refused(format!(
        "balancer {balancer} did not carry out the command: {reason}"
    ))
}

/// A panic elsewhere does not make the value unusable: boxes are to be ended all the same.
fn lock<T>(own: &Mutex<T>) -> MutexGuard<'_, T> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inner<T>(own: &mut Mutex<T>) -> &mut T {
    own.get_mut().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Lab {
    fn drop(&mut self) {
        let names = self.boxes.iter().map(|own| own.name().to_owned()).collect();
        self.with_scaler(|scaler, _, premises| scaler.kill_all(premises));
        while let Some(mut last) = self.boxes.pop() {
            last.kill(inner(&mut self.guard));
        }
        if let Some(responder) = self.given_up_for.take() {
            responder.answer(&Answer::Done(names));
        }
    }
}
