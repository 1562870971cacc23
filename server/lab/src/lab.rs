//! A lab: the boxes of one stage, up on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::balancer::{BalancerStatus, RuntimeApi, ServerStatus};
use crate::boxes::cgroup::Groups;
use crate::boxes::guard::Guard;
use crate::boxes::lab_box::Premises;
use crate::control::socket::{self, Answer, Asker, Control, Request};
use crate::control::status::{BoxStatus, EntranceStatus, LabStatus};
use crate::directory::lock::DirectoryLock;
use crate::network::Network;
use crate::network::site::Site;
use crate::options::LabOptions;
use crate::options::role_count;
use crate::stage::stage_plan::{Entrance, StagePlan};
use crate::{LabBox, LabError, Stage};

/// How often a lab that is up looks after its boxes and for those who ask.
const LOOK: Duration = Duration::from_millis(20);

/// How long what a box serves may take to end while it is drained: longer than service and balancers give a request.
const DRAINED_WITHIN: Duration = Duration::from_secs(35);

/// A stage, up on this machine. Dropping it kills its boxes.
#[derive(Debug)]
pub struct Lab {
    stage: &'static Stage,
    directory: PathBuf,
    // In the order of their start.
    boxes: Vec<LabBox>,
    entrance: Entrance,
    ready_timeout: Duration,
    stop_timeout: Duration,
    groups: Option<Groups>,
    unconfined_because: Option<String>,
    control: Option<Control>,
    // Dropped when no box is left in it, and before the guard.
    network: Option<Network>,
    guard: Guard,
    // Dropped last, when no box is left that uses the directory.
    _lock: DirectoryLock,
}

/// Why a lab that was tended is to stop.
#[derive(Debug)]
pub enum End {
    /// Whoever tended it wants it to.
    Wanted,
    /// Somebody asked for it, and waits to hear that it has.
    Asked(Asker),
}

/// Brings a stage up and returns once every box is ready.
///
/// Where boxes are to be confined and can't be, they are not, and the lab says so.
///
/// # Errors
///
/// Where the stage is not built or lacks a box that was given an allowance, the directory is held by
/// another lab, or a box can't be started, ends by itself or is not ready in time; none is left running
/// then.
pub fn up(stage: &'static Stage, options: &LabOptions) -> Result<Lab, LabError> {
    up_unless(stage, options, &|| false)
}

/// As [`up`], unless `is_over` becomes true first.
///
/// # Errors
/// As [`up`]; [`LabError::Interrupted`] where it did.
pub fn up_unless(
    stage: &'static Stage,
    options: &LabOptions,
    is_over: &dyn Fn() -> bool,
) -> Result<Lab, LabError> {
    let (plan, roles) = stage.plan()?;
    options.allowances.suit(stage.name, roles)?;
    role_count::suit(&options.counts, stage.name, stage.countable)?;
    let lock = DirectoryLock::take(&options.directory)?;
    let wanted = roles
        .iter()
        .any(|role| options.allowances.of(role).is_some());
    let (groups, unconfined_because) = match wanted.then(Groups::make) {
        Some(Ok(groups)) => (Some(groups), None),
        Some(Err(reason)) => (None, Some(reason)),
        None => (None, None),
    };
    let directories = groups.as_ref().map(Groups::directories).unwrap_or_default();
    let socket = socket::socket_of(&options.directory);
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
        boxes: Vec::new(),
        entrance: Entrance::default(),
        ready_timeout: options.ready_timeout,
        stop_timeout: options.stop_timeout,
        groups,
        unconfined_because,
        control: None,
        network: None,
        guard,
        _lock: lock,
    };
    let mut site = match options.network {
        true => Site::Network(Network::plan()?),
        false => Site::loopback(),
    };
    let StagePlan {
        waves,
        entrance,
        flows,
    } = plan(options, &mut site)?;
    lab.entrance = entrance;
    if let Site::Network(mut network) = site {
        for namespace in network.namespaces() {
            lab.guard.keep_namespace(&namespace);
        }
        network.make(&flows)?;
        lab.network = Some(network);
    }
    for wave in waves {
        let first = lab.boxes.len();
        for mut plan in wave {
            let network = lab.network.as_ref();
            plan.namespace = network.and_then(|network| network.namespace(&plan.name));
            let allowance = options.allowances.of(plan.role);
            let (_, mut premises) = lab.parts(is_over);
            let begun = LabBox::begin(plan, allowance, &mut premises)?;
            lab.boxes.push(begun);
        }
        let (boxes, mut premises) = lab.parts(is_over);
        for own in boxes.iter_mut().skip(first) {
            own.settle(&mut premises)?;
        }
    }
    // Not before all of them are ready: a data set is loaded into a database that is up by then.
    for own in &mut lab.boxes {
        own.hold(&mut lab.guard)?;
    }
    Ok(lab)
}

impl Lab {
    /// The stage that is up.
    pub fn stage(&self) -> &'static Stage {
        self.stage
    }

    /// Its boxes, in the order of their start.
    pub fn boxes(&self) -> &[LabBox] {
        &self.boxes
    }

    /// Where traffic enters; none where the box that it enters by does not listen.
    pub fn address(&self) -> Option<SocketAddr> {
        self.boxes
            .iter()
            .find(|own| own.name() == self.entrance.name)
            .and_then(LabBox::address)
    }

    /// The certificate of the authority that vouches for whom one meets where traffic enters; none where HTTP is
    /// spoken there in the clear.
    pub fn ca(&self) -> Option<&Path> {
        self.entrance.ca.as_deref()
    }

    /// Where who speaks HTTP in the clear is sent on from; none where that is what is spoken.
    pub fn redirect_address(&self) -> Option<SocketAddr> {
        self.entrance.redirect
    }

    /// The box whose metrics and profiles stand for the service; none where several run it, of which one alone has
    /// counted a part of what was sent.
    pub fn service(&self) -> Option<&LabBox> {
        let mut those = self.boxes.iter().filter(|own| own.is_service());
        let first = those.next()?;
        those.next().is_none().then_some(first)
    }

    /// Where the metrics and profiles of [`Lab::service`] are.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.service().and_then(LabBox::admin_address)
    }

    /// Why its boxes are not confined, where they were to be.
    pub fn unconfined_because(&self) -> Option<&str> {
        self.unconfined_because.as_deref()
    }

    /// How its boxes are.
    pub fn status(&self) -> LabStatus {
        LabStatus {
            stage: self.stage.name.to_owned(),
            pid: std::process::id(),
            unconfined_because: self.unconfined_because.clone(),
            entrance: self.address().map(|address| EntranceStatus {
                url: match self.entrance.ca {
                    Some(_) => format!("https://{address}"),
                    None => format!("http://{address}"),
                },
                ca: self.entrance.ca.clone(),
                redirect: self.entrance.redirect,
            }),
            boxes: self.boxes.iter().map(BoxStatus::of).collect(),
            balancers: self.balancers().map(|(status, _)| status).collect(),
        }
    }

    /// Returns an error, with the log's last lines, where a box has ended by itself.
    pub fn check(&mut self) -> Result<(), LabError> {
        let guard = &mut self.guard;
        self.boxes.iter_mut().try_for_each(|own| own.check(guard))
    }

    /// Kills a box, or every box of a zone, as a loss of power would. Returns their names.
    ///
    /// # Errors
    /// Where there is none of that name that is up.
    pub fn kill(&mut self, name: &str) -> Result<Vec<String>, LabError> {
        let chosen = self.chosen(name)?;
        let up: Vec<usize> = self.those(&chosen, LabBox::is_up);
        if up.is_empty() {
            return Err(LabError::Refused(format!("{name} is not up")));
        }
        for index in &up {
            if let Some(own) = self.boxes.get_mut(*index) {
                own.kill(&mut self.guard);
            }
        }
        Ok(self.names(&up))
    }

    /// Has the balancers send no more requests to a box, or to the boxes of a zone that they send requests to one by one.
    /// Returns their names once they serve nothing more: they can be killed then and no request is lost.
    ///
    /// # Errors
    /// Where there is none of that name that a balancer sends requests to, it is the last that is well, a balancer does
    /// not do as it is told, a box still serves something after a while, or `is_over` becomes true first.
    pub fn drain(
        &mut self,
        name: &str,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Vec<String>, LabError> {
        let chosen = self.chosen(name)?;
        let names = self.names(&chosen);
        let is_meant =
            |server: &ServerStatus| server.takes_requests && names.contains(&server.name);
        let told = self.told()?;
        for (status, _) in &told {
            for server in status.servers.iter().filter(|server| is_meant(server)) {
                let mut others = status.servers.iter();
                if !others.any(|other| {
                    other.list == server.list && !is_meant(other) && other.is_sent_requests()
                }) {
                    return Err(LabError::Refused(format!(
                        "{name} is the last that {} sends to: without it every request would fail",
                        status.name
                    )));
                }
            }
        }
        let mut drained = Vec::new();
        for (status, api) in &told {
            for server in status.servers.iter().filter(|server| is_meant(server)) {
                api.drain(server)
                    .map_err(|error| untold(&status.name, &error.to_string()))?;
                drained.push(server.name.clone());
            }
        }
        if drained.is_empty() {
            return Err(LabError::Refused(format!(
                "{name} can't be drained: no balancer that is up sends it requests one by one"
            )));
        }
        let deadline = Instant::now() + DRAINED_WITHIN;
        loop {
            // One that does not answer may be sending still.
            let serving = self.told().map(|told| {
                let servers = told.iter().flat_map(|(status, _)| &status.servers);
                let meant = servers.filter(|server| is_meant(server));
                meant.map(|server| server.now).sum::<u64>()
            });
            match serving {
                Ok(0) => return Ok(drained),
                _ if is_over() => return Err(LabError::Interrupted),
                serving if Instant::now() > deadline => {
                    return Err(LabError::Refused(format!(
                        "{name} is sent nothing new, but {} after {} s; revive has it sent to again",
                        match serving {
                            Ok(serving) => format!("has {serving} requests still"),
                            Err(error) => error.to_string(),
                        },
                        DRAINED_WITHIN.as_secs()
                    )));
                }
                // They answer at length, and have better things to do.
                _ => std::thread::sleep(5 * LOOK),
            }
        }
    }

    /// Starts a box again, or every box of a zone that is not up, at the addresses that they had, and has balancers
    /// send to what was drained. Returns their names.
    ///
    /// # Errors
    /// Where there is none of that name that is not up or was drained, or one does not come up: others are not started
    /// then; or a balancer does not do as it is told.
    pub fn revive(&mut self, name: &str) -> Result<Vec<String>, LabError> {
        let chosen = self.chosen(name)?;
        let down: Vec<usize> = self.those(&chosen, |own| !own.is_up());
        let (boxes, mut premises) = self.parts(&|| false);
        for index in &down {
            if let Some(own) = boxes.get_mut(*index) {
                own.revive(&mut premises)?;
            }
        }
        // Not before it is up: one that is not would be sent to until it is noticed.
        let (chosen, mut names) = (self.names(&chosen), self.names(&down));
        for (status, api) in self.told()? {
            for server in &status.servers {
                let (name, is_up_again) = (&server.name, names.contains(&server.name));
                // One that was drained and killed does not show the first any more while it is thought lost.
                let is_meant = is_up_again || (chosen.contains(name) && server.is_drained());
                if server.takes_requests && is_meant {
                    api.resume(server)
                        .map_err(|error| untold(&status.name, &error.to_string()))?;
                    if !is_up_again {
                        names.push(name.clone());
                    }
                }
            }
        }
        match names.is_empty() {
            true => Err(LabError::Refused(format!("{name} is up already"))),
            false => Ok(names),
        }
    }

    /// Listens for those who ask, whom [`Lab::tend`] answers.
    ///
    /// # Errors
    /// Where no socket can be had in the directory.
    pub fn listen(&mut self) -> Result<(), LabError> {
        self.control = Some(Control::listen(&self.directory)?);
        Ok(())
    }

    /// Looks after the lab until `is_over` or somebody asks for its end: answers those who ask, and tells
    /// of each box that ends by itself.
    pub fn tend(&mut self, is_over: impl Fn() -> bool, mut tell: impl FnMut(&LabError)) -> End {
        loop {
            if is_over() {
                return End::Wanted;
            }
            for own in &mut self.boxes {
                if own.pid().is_some()
                    && let Err(error) = own.check(&mut self.guard)
                {
                    tell(&error);
                }
            }
            let asked = self.control.as_ref().and_then(Control::asked);
            let Some((request, asker)) = asked else {
                std::thread::sleep(LOOK);
                continue;
            };
            let done = match &request {
                Request::Down => return End::Asked(asker),
                Request::Status => {
                    asker.answer(&Answer::Status(Box::new(self.status())));
                    continue;
                }
                Request::Kill { name } => self.kill(name),
                Request::Drain { name } => self.drain(name, &is_over),
                Request::Revive { name } => self.revive(name),
            };
            asker.answer(&match done {
                Ok(names) => Answer::Done(names),
                Err(LabError::UnknownBox { name, there }) => Answer::Unknown { name, there },
                Err(error) => Answer::Refused(error.to_string()),
            });
        }
    }

    /// Stops the boxes, last started first: each finishes what is in flight and is killed where it
    /// does not end in time.
    ///
    /// # Errors
    ///
    /// Where a box had to be killed or ended with a failure: the first such one. None is left
    /// running either way.
    pub fn stop(mut self) -> Result<(), LabError> {
        let mut outcome = Ok(());
        while let Some(mut last) = self.boxes.pop() {
            outcome = outcome.and(last.stop(self.stop_timeout, &mut self.guard));
        }
        outcome
    }

    /// What the balancers that are up counted, and how they are told things.
    fn balancers(&self) -> impl Iterator<Item = (BalancerStatus, RuntimeApi<'_>)> {
        let up = self.boxes.iter().filter(|own| own.is_up());
        up.filter_map(|own| {
            let api = own.runtime_api()?;
            Some((api.status(own.name()), api))
        })
    }

    /// As [`Lab::balancers`]; an error where one does not answer.
    fn told(&self) -> Result<Vec<(BalancerStatus, RuntimeApi<'_>)>, LabError> {
        let told = self
            .balancers()
            .map(|(status, api)| match &status.silent_because {
                Some(reason) => Err(untold(&status.name, reason)),
                None => Ok((status, api)),
            });
        told.collect()
    }

    fn those(&self, chosen: &[usize], is: impl Fn(&LabBox) -> bool) -> Vec<usize> {
        let of = |index: &&usize| self.boxes.get(**index).is_some_and(&is);
        chosen.iter().filter(of).copied().collect()
    }

    fn parts<'a>(&'a mut self, is_over: &'a dyn Fn() -> bool) -> (&'a mut [LabBox], Premises<'a>) {
        let premises = Premises {
            directory: &self.directory,
            groups: self.groups.as_ref(),
            guard: &mut self.guard,
            ready_timeout: self.ready_timeout,
            is_over,
        };
        (&mut self.boxes, premises)
    }

    fn names(&self, chosen: &[usize]) -> Vec<String> {
        let names = chosen.iter().filter_map(|index| self.boxes.get(*index));
        names.map(|own| own.name().to_owned()).collect()
    }

    /// The boxes of this name or zone.
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
        if !chosen.is_empty() {
            return Ok(chosen);
        }
        let mut there: Vec<String> = self.boxes.iter().map(|own| own.name().to_owned()).collect();
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

fn untold(balancer: &str, reason: &str) -> LabError {
    LabError::Refused(format!("{balancer} did not do as it was told: {reason}"))
}

impl Drop for Lab {
    fn drop(&mut self) {
        while let Some(mut last) = self.boxes.pop() {
            last.kill(&mut self.guard);
        }
    }
}
