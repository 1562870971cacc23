//! A box of the lab: a child process with its allowance, addresses and log.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tenfold_child_process::ProcessGroup;

use crate::balancer::RuntimeApi;
use crate::boxes::addresses::Addresses;
use crate::boxes::box_plan::{BoxPlan, Stop};
use crate::boxes::build::Build;
use crate::boxes::cgroup::{Group, Groups, Usage};
use crate::boxes::guard::Guard;
use crate::boxes::log_file::{self, OpenError};
use crate::boxes::process_usage::{self, Processes};
use crate::boxes::readiness::{Lack, Probe, ProbeError};
use crate::boxes::renewal::{Renewal, Session};
use crate::options::allowance::{Allowance, CPU_MIN};
use crate::starting::progress::StartProgress;
use crate::starting::start_watch::{Overdue, StartLimits, StartWatch};
use crate::{LabError, NotReady};

/// Interval at which a box is checked during a wait.
const POLL: Duration = Duration::from_millis(5);

/// Resources of the lab that boxes share.
pub(crate) struct Premises<'a> {
    /// Directory for logs and PID files.
    pub(crate) directory: &'a Path,
    /// Control groups of the lab. `None` if boxes are not confined.
    pub(crate) groups: Option<&'a Groups>,
    /// Process that kills the boxes if the lab dies.
    pub(crate) guard: &'a mut Guard,
    /// Time limits for a box to become ready.
    pub(crate) limits: StartLimits,
    /// Time limit for a box of an earlier lab to exit, and so for starting one in its place.
    pub(crate) orphan_timeout: Duration,
}

/// A box of the lab. Dropping it kills its process.
#[derive(Debug)]
pub struct LabBox {
    plan: BoxPlan,
    allowance: Option<Allowance>,
    addresses: Addresses,
    log: PathBuf,
    process: Option<Process>,
    /// Watch until it is ready. `None` once it is.
    watch: Option<StartWatch>,
    /// Exit status, if it is not up.
    ended: Option<ExitStatus>,
    /// True if it was killed on purpose.
    was_killed: bool,
    /// True if the kernel killed one of its processes for lack of memory.
    was_short_of_memory: bool,
    /// True if its environment has changed since its start.
    is_outdated: bool,
}

/// The process of a box that was started and not yet waited for.
#[derive(Debug)]
struct Process {
    child: ProcessGroup,
    stdin: Option<ChildStdin>,
    /// Process ID from the ready file, otherwise that of the child.
    pid: u32,
    since: Instant,
    // Dropped last, when the child is gone.
    group: Option<Group>,
}

impl LabBox {
    /// Starts a box, which is ready once [`LabBox::look`] has returned true.
    ///
    /// The box gets its own process group, a pipe as standard input that closes when this process dies, and
    /// `NAME.log` in the lab's directory as standard output and standard error. Its memory is limited from the
    /// start, its CPU only once [`LabBox::hold`] is called: a slow start would say nothing about the service.
    pub(crate) fn begin(
        plan: BoxPlan,
        allowance: Option<Allowance>,
        premises: &mut Premises<'_>,
    ) -> Result<Self, LabError> {
        let mut own = Self {
            log: premises.directory.join(format!("{}.log", plan.name)),
            addresses: Addresses::default(),
            allowance: allowance.filter(|_| premises.groups.is_some()),
            plan,
            process: None,
            watch: None,
            ended: None,
            was_killed: false,
            was_short_of_memory: false,
            is_outdated: false,
        };
        own.start(premises)?;
        Ok(own)
    }

    /// Returns whether the box is ready; kills it if it has failed to become so. Returns at once.
    ///
    /// # Errors
    /// Returns an error if it has exited, has made no progress for too long, or its ready file is malformed.
    pub(crate) fn look(&mut self, guard: &mut Guard) -> Result<bool, LabError> {
        let outcome = self.look_for_readiness(guard);
        if outcome.is_err() {
            self.reap(guard);
        }
        outcome
    }

    /// Limits its CPU from now on; kills it if that fails.
    pub(crate) fn hold(&mut self, guard: &mut Guard) -> Result<(), LabError> {
        let outcome = self.limit_cpu();
        if outcome.is_err() {
            self.reap(guard);
        }
        outcome
    }

    /// Starts a box that is not up again, at its previous addresses.
    pub(crate) fn restart(&mut self, premises: &mut Premises<'_>) -> Result<(), LabError> {
        if self.is_up() {
            return Ok(());
        }
        self.reap(premises.guard);
        self.start(premises)
    }

    fn start(&mut self, premises: &mut Premises<'_>) -> Result<(), LabError> {
        let name = &self.plan.name;
        let pid_file = premises.directory.join(format!("{name}.pid"));
        let prepare = |path: &Path| {
            let path = path.to_owned();
            move |source| LabError::Directory { path, source }
        };
        let log_file =
            log_file::open(&self.log, premises.orphan_timeout).map_err(|error| match error {
                OpenError::Held => LabError::LeftBehind {
                    name: name.clone(),
                    pid: fs::read_to_string(&pid_file)
                        .ok()
                        .and_then(|pid| pid.trim().parse().ok()),
                    after: premises.orphan_timeout,
                    log: self.log.clone(),
                },
                OpenError::Io(source) => prepare(&self.log)(source),
            })?;
        let of_earlier = [self.plan.readiness.marker(), self.plan.progress.file()];
        for marker in of_earlier.into_iter().flatten() {
            match fs::remove_file(marker) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(prepare(marker)(error));
                }
                _ => {}
            }
        }
        // Otherwise the shell would report it, as an unexpected exit of the box.
        let program = &self.plan.program;
        if program.components().count() > 1 && !program.exists() {
            return Err(LabError::Start {
                name: name.clone(),
                program: program.clone(),
                source: ErrorKind::NotFound.into(),
            });
        }
        let group = self.confine(premises.groups)?;
        let entrances = group.iter().flat_map(Group::entrances);
        let mut command = self.plan.command(entrances);
        command
            .stdin(Stdio::piped())
            .stdout(log_file.try_clone().map_err(prepare(&self.log))?)
            .stderr(log_file);
        let spawned = ProcessGroup::spawn(&mut command);
        // It holds the log, which is locked for as long as anyone does.
        drop(command);
        let mut child = spawned.map_err(|source| LabError::Start {
            name: name.clone(),
            program: self.plan.program.clone(),
            source,
        })?;
        premises.guard.keep(child.id());
        let mut stdin = child.take_stdin();
        if let Some(stdin) = &mut stdin {
            // It waits for this, so that no program runs that the guard does not know. One that has ended
            // already is seen soon.
            let _ = stdin.write_all(b"go\n");
        }
        let pid = child.id();
        self.ended = None;
        self.was_killed = false;
        self.was_short_of_memory = false;
        self.is_outdated = false;
        self.watch = Some(StartWatch::new(premises.limits, Instant::now()));
        self.process = Some(Process {
            stdin,
            child,
            pid,
            since: Instant::now(),
            group,
        });
        let outcome = fs::write(&pid_file, format!("{pid}\n")).map_err(prepare(&pid_file));
        if outcome.is_err() {
            self.reap(premises.guard);
        }
        outcome
    }

    /// Creates the control group of the box, with a memory limit.
    fn confine(&self, groups: Option<&Groups>) -> Result<Option<Group>, LabError> {
        let (Some(groups), Some(allowance)) = (groups, self.allowance) else {
            return Ok(None);
        };
        let made = groups.group(&self.plan.name).and_then(|group| {
            group.limit_memory(allowance)?;
            Ok(group)
        });
        made.map(Some).map_err(|source| self.unconfinable(source))
    }

    fn limit_cpu(&self) -> Result<(), LabError> {
        let group = self
            .process
            .as_ref()
            .and_then(|process| process.group.as_ref());
        match (group, self.allowance) {
            (Some(group), Some(allowance)) => group
                .limit_cpu(allowance)
                .map_err(|source| self.unconfinable(source)),
            _ => Ok(()),
        }
    }

    /// Limits its CPU to a share of its allowance.
    pub(crate) fn share_cpu(&self, share: f64) -> Result<(), LabError> {
        let group = self.process.as_ref().and_then(|own| own.group.as_ref());
        let (Some(group), Some(allowance)) = (group, self.allowance) else {
            return Err(LabError::Refused(format!(
                "the box {} has no limit, or is not up",
                self.name()
            )));
        };
        let cpu = allowance.cpu * share;
        // A third of 0.3 is a little less than 0.1.
        if !(CPU_MIN - 1e-9..=allowance.cpu).contains(&cpu) {
            return Err(LabError::Refused(format!(
                "the box {} would have {cpu} CPU; give it between {CPU_MIN} and {}",
                self.name(),
                allowance.cpu
            )));
        }
        let shared = Allowance { cpu, ..allowance };
        let limited = group.limit_cpu(shared);
        limited.map_err(|source| self.unconfinable(source))
    }

    fn unconfinable(&self, source: io::Error) -> LabError {
        LabError::Confine {
            name: self.plan.name.clone(),
            source,
        }
    }

    /// Name, unique in the lab.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Role of the box.
    pub fn role(&self) -> &'static str {
        self.plan.role
    }

    /// Returns whether it runs the reference service, as opposed to a backend of it.
    pub fn is_service(&self) -> bool {
        self.plan.stop == Stop::Stdin
    }

    /// Returns the runtime API of a balancer. `None` for other boxes.
    pub(crate) fn runtime_api(&self) -> Option<RuntimeApi<'_>> {
        let directory = self.plan.balancer.as_deref()?;
        Some(RuntimeApi { directory })
    }

    /// Returns the URL, with its password, at which the counters of a database, cache or web server can be read. `None` for other
    /// boxes.
    pub fn monitor(&self) -> Option<&str> {
        self.plan.monitor.as_deref()
    }

    /// Plan of the box.
    pub(crate) fn plan(&self) -> &BoxPlan {
        &self.plan
    }

    /// Sets its build, from the next start on.
    pub(crate) fn set_build(&mut self, build: Build) {
        self.plan.set_build(build);
    }

    /// Replaces a password that it is started with.
    pub(crate) fn replace_password(&mut self, earlier: &str, password: &str) {
        self.is_outdated |= self.plan.replace_password(earlier, password) && self.is_up();
    }

    /// Returns whether it runs with an earlier password.
    pub(crate) fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Returns whether it reads a certificate.
    pub(crate) fn has_certificate(&self) -> bool {
        !matches!(self.plan.renewal, Renewal::Nothing)
    }

    /// Runs an administrator's commands on it.
    pub(crate) fn run(&self, session: &Session, commands: &str) -> Result<String, LabError> {
        session.run(self.name(), self.plan.namespace.as_deref(), commands)
    }

    /// Sends its process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.child.signal_leader(signal);
        }
    }

    /// Returns the URL, with its password, at which the service uses it. `None` unless it is a store that can be used by itself.
    pub fn url(&self) -> Option<&str> {
        self.plan.url.as_deref()
    }

    /// Zone of the box. `None` if it belongs to none.
    pub fn zone(&self) -> Option<&'static str> {
        self.plan.zone
    }

    /// Allowance. `None` if not confined.
    pub fn allowance(&self) -> Option<Allowance> {
        self.allowance
    }

    /// Process ID. `None` if not up.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid)
    }

    /// Time since its start. `None` if not up.
    pub fn up_for(&self) -> Option<Duration> {
        self.process.as_ref().map(|process| process.since.elapsed())
    }

    /// Exit status, once it has exited and been reaped.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.ended
    }

    /// Address of its service. `None` if it does not listen.
    pub fn address(&self) -> Option<SocketAddr> {
        self.addresses.serving
    }

    /// Address of its metrics and profiles. `None` if it has none.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.addresses.admin
    }

    /// CPU and memory used since its start. `None` if not up.
    ///
    /// For a box without a control group this is the sum over its live processes and the children that
    /// they have reaped.
    pub fn usage(&self) -> Option<Usage> {
        let process = self.process.as_ref()?;
        match &process.group {
            Some(group) => Some(group.usage()),
            None => process_usage::of_group(process.child.id()),
        }
    }

    /// As [`usage`](Self::usage), but without a control group memory is the resident set size. For frequent looks at many boxes.
    pub(crate) fn usage_among(&self, processes: &Processes) -> Option<Usage> {
        let process = self.process.as_ref()?;
        match &process.group {
            Some(group) => Some(group.usage()),
            None => processes.resident(process.child.id()),
        }
    }

    /// Path of its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns the last lines of its log. Empty if there are none.
    pub fn log_tail(&self) -> String {
        log_file::tail(&self.log)
    }

    /// Returns whether it runs, but is not ready yet.
    pub fn is_starting(&self) -> bool {
        self.watch.is_some() && self.is_up()
    }

    /// Progress of its start. `None` if it is ready, or has shown none.
    pub fn progress(&self) -> Option<&StartProgress> {
        self.watch.as_ref()?.progress()
    }

    /// Returns whether its process is running.
    pub fn is_up(&self) -> bool {
        self.process.is_some() && !self.has_exited()
    }

    /// Returns an error with the log's last lines if the box has exited unexpectedly.
    pub(crate) fn check(&mut self, guard: &mut Guard) -> Result<(), LabError> {
        if self.is_up() || self.was_killed {
            return Ok(());
        }
        let status = self.reap(guard);
        Err(self.exited(status))
    }

    /// Asks the box to stop and waits; kills it if it does not exit in time. A box that was killed on purpose
    /// counts as stopped.
    pub(crate) fn stop(&mut self, timeout: Duration, guard: &mut Guard) -> Result<(), LabError> {
        if !self.is_up() {
            return self.check(guard);
        }
        self.begin_stop();
        self.await_stop(Instant::now() + timeout, timeout, guard)
    }

    /// Asks the box to stop, and returns at once.
    pub(crate) fn begin_stop(&mut self) {
        if let Some(process) = &mut self.process {
            match self.plan.stop {
                Stop::Stdin => drop(process.stdin.take()),
                Stop::Signal(signal) => process.child.signal_leader(signal),
            }
        }
        // Lift the CPU limit: requests in flight should not take five times as long to finish.
        if let Some(group) = self
            .process
            .as_ref()
            .and_then(|process| process.group.as_ref())
        {
            let _ = group.remove_cpu_limit();
        }
    }

    /// Waits until a box that was asked to stop has exited; kills it if it has not by the deadline, after `timeout`.
    pub(crate) fn await_stop(
        &mut self,
        deadline: Instant,
        timeout: Duration,
        guard: &mut Guard,
    ) -> Result<(), LabError> {
        while !self.has_exited() {
            if Instant::now() >= deadline {
                self.reap(guard);
                return Err(LabError::Killed {
                    name: self.plan.name.clone(),
                    after: timeout,
                    log: self.log.clone(),
                    tail: self.log_tail(),
                });
            }
            std::thread::sleep(POLL);
        }
        let status = self.reap(guard);
        let asked = match self.plan.stop {
            Stop::Stdin => None,
            Stop::Signal(signal) => Some(signal.as_raw()),
        };
        // Without a handler the signal terminates the program; with one, the exit code may be 128 + the signal.
        let is_asked = asked.is_some_and(|asked| {
            status.signal() == Some(asked) || status.code() == Some(128 + asked)
        });
        if status.success() || is_asked {
            Ok(())
        } else {
            Err(self.exited(status))
        }
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(&mut self, guard: &mut Guard) {
        self.was_killed |= self.is_up();
        self.reap(guard);
    }

    fn look_for_readiness(&mut self, guard: &mut Guard) -> Result<bool, LabError> {
        self.check(guard)?;
        let Some(watch) = &mut self.watch else {
            return Ok(true);
        };
        let lack = match Self::probe(&self.plan, &self.log)? {
            Probe::Ready(ready) => {
                self.addresses = ready.addresses;
                if let (Some(process), Some(pid)) = (&mut self.process, ready.pid) {
                    process.pid = pid;
                }
                self.watch = None;
                return Ok(true);
            }
            Probe::Lacks(lack) => lack,
        };
        let now = Instant::now();
        watch.look(&self.plan.progress, &self.log, now);
        match watch.overdue(now) {
            None => Ok(false),
            Some(overdue) => Err(self.not_ready(overdue, lack)),
        }
    }

    /// Probes whether it is ready.
    fn probe(plan: &BoxPlan, log: &Path) -> Result<Probe, LabError> {
        let path = || plan.readiness.marker().unwrap_or(log).to_owned();
        plan.readiness
            .probe(plan.namespace.as_deref())
            .map_err(|error| match error {
                ProbeError::Unreadable(source) => LabError::Directory {
                    path: path(),
                    source,
                },
                ProbeError::Malformed(reason) => LabError::ReadyFile {
                    name: plan.name.clone(),
                    path: path(),
                    reason,
                },
            })
    }

    fn not_ready(&self, overdue: Overdue, lack: Lack) -> LabError {
        let mut lacking = self.plan.readiness.describe(lack);
        if let Some(pid) = self.pid().filter(|pid| process_usage::is_stopped(*pid)) {
            lacking =
                format!("its process {pid} is stopped; continue it with `kill -CONT`; {lacking}");
        }
        LabError::NotReady(Box::new(NotReady {
            name: self.plan.name.clone(),
            waited: match overdue {
                Overdue::Stalled(time) => {
                    format!("made no progress for {} s", time.as_secs_f64())
                }
                Overdue::TooLong(time) => {
                    format!("was not ready within {} s", time.as_secs_f64())
                }
            },
            progress: self.progress().map(ToString::to_string),
            lacking,
            log: self.log.clone(),
            tail: self.log_tail(),
        }))
    }

    fn exited(&self, status: ExitStatus) -> LabError {
        if let Some(allowance) = self.allowance.filter(|_| self.was_short_of_memory) {
            return LabError::OutOfMemory {
                name: self.plan.name.clone(),
                memory_bytes: allowance.memory_bytes,
                log: self.log.clone(),
                tail: self.log_tail(),
            };
        }
        LabError::Exited {
            name: self.plan.name.clone(),
            status,
            log: self.log.clone(),
            tail: self.log_tail(),
        }
    }

    fn has_exited(&self) -> bool {
        self.process
            .as_ref()
            .is_some_and(|process| process.child.has_exited())
    }

    /// Kills what is left of the process group and reaps the process.
    fn reap(&mut self, guard: &mut Guard) -> ExitStatus {
        self.end(Some(guard))
    }

    fn end(&mut self, guard: Option<&mut Guard>) -> ExitStatus {
        let group = self.process.as_ref().and_then(|own| own.group.as_ref());
        let short_of_memory = group.is_some_and(|group| group.usage().killed_for_memory > 0);
        let Some(mut process) = self.process.take() else {
            return self.ended.unwrap_or_default();
        };
        let by_itself = process.child.has_exited();
        let id = process.child.id();
        // Between the kill and the wait: earlier, nobody would end the group with the lab; later, the number
        // might be another's.
        let status = process.child.kill_and(|| {
            if let Some(guard) = guard {
                guard.forget(id);
            }
        });
        self.was_short_of_memory = short_of_memory && by_itself && status.signal() == Some(9);
        self.ended = Some(status);
        status
    }
}

impl Drop for LabBox {
    fn drop(&mut self) {
        self.end(None);
    }
}
