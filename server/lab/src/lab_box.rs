//! A box: a child process with its addresses and its log.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use serde::Deserialize;

use crate::LabError;
use crate::log_file::{self, OpenError};

/// How often a box is looked at while something is awaited of it.
const POLL: Duration = Duration::from_millis(5);

/// How long a box of a lab that died may take to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a box tells that it is ready.
#[derive(Debug)]
pub(crate) enum Readiness {
    /// It moves a JSON document to this place, with its addresses and its process id.
    File(PathBuf),
}

/// What a box says of itself when it is ready.
#[derive(Debug, Deserialize)]
struct Ready {
    address: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    pid: Option<u32>,
}

/// A process of the lab. Dropping it kills it.
#[derive(Debug)]
pub struct LabBox {
    role: String,
    log: PathBuf,
    child: Child,
    stdin: Option<ChildStdin>,
    ready: Ready,
    ended: Option<ExitStatus>,
}

/// Starts a box and returns once it is ready.
///
/// The box gets a process group of its own, a pipe as standard input that closes when this process
/// dies, and `ROLE.log` in `directory` as its standard error.
pub(crate) fn start(
    role: &str,
    mut command: Command,
    directory: &Path,
    readiness: Readiness,
    timeout: Duration,
) -> Result<LabBox, LabError> {
    let log = directory.join(format!("{role}.log"));
    let pid_file = directory.join(format!("{role}.pid"));
    let prepare = |path: &Path| {
        let path = path.to_owned();
        move |source| LabError::Directory { path, source }
    };
    let log_file = log_file::open(&log, PATIENCE).map_err(|error| match error {
        OpenError::Held => LabError::LeftBehind {
            role: role.to_owned(),
            pid: fs::read_to_string(&pid_file)
                .ok()
                .and_then(|pid| pid.trim().parse().ok()),
            after: PATIENCE,
            log: log.clone(),
        },
        OpenError::Io(source) => prepare(&log)(source),
    })?;
    let Readiness::File(ready_file) = readiness;
    match fs::remove_file(&ready_file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(prepare(&ready_file)(error));
        }
        _ => {}
    }
    command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log_file);
    let program = PathBuf::from(command.get_program());
    let spawned = command.spawn();
    // It holds the log, which is locked for as long as anyone does.
    drop(command);
    let mut child = spawned.map_err(|source| LabError::Start {
        role: role.to_owned(),
        program,
        source,
    })?;
    let mut started = LabBox {
        role: role.to_owned(),
        log,
        stdin: child.stdin.take(),
        ready: Ready {
            address: None,
            admin: None,
            pid: Some(child.id()),
        },
        child,
        ended: None,
    };
    fs::write(&pid_file, format!("{}\n", started.child.id())).map_err(prepare(&pid_file))?;
    started.await_ready(&ready_file, timeout)?;
    Ok(started)
}

impl LabBox {
    /// What the box is for.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.ready.pid.unwrap_or_else(|| self.child.id())
    }

    /// Where it serves; none where it does not listen.
    pub fn address(&self) -> Option<SocketAddr> {
        self.ready.address
    }

    /// Where it offers metrics and profiles; none where it does not.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.ready.admin
    }

    /// The file that it writes its log to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns the log's last lines; empty where there are none.
    pub fn log_tail(&self) -> String {
        log_file::tail(&self.log)
    }

    /// Returns an error, with the log's last lines, where the box has ended by itself.
    pub fn check(&mut self) -> Result<(), LabError> {
        if self.has_ended() {
            let status = self.reap();
            return Err(self.exited(status));
        }
        Ok(())
    }

    /// Asks the box to stop, by closing its standard input, and waits; kills it where it does not
    /// end in time.
    pub(crate) fn stop(&mut self, timeout: Duration) -> Result<(), LabError> {
        if self.has_ended() {
            let status = self.reap();
            return Err(self.exited(status));
        }
        drop(self.stdin.take());
        let deadline = Instant::now() + timeout;
        while !self.has_ended() {
            if Instant::now() >= deadline {
                self.reap();
                return Err(LabError::Killed {
                    role: self.role.clone(),
                    after: timeout,
                    log: self.log.clone(),
                    tail: self.log_tail(),
                });
            }
            std::thread::sleep(POLL);
        }
        let status = self.reap();
        if status.success() {
            Ok(())
        } else {
            Err(self.exited(status))
        }
    }

    fn await_ready(&mut self, ready_file: &Path, timeout: Duration) -> Result<(), LabError> {
        let deadline = Instant::now() + timeout;
        loop {
            self.check()?;
            match fs::read(ready_file) {
                Ok(bytes) => {
                    self.ready =
                        serde_json::from_slice(&bytes).map_err(|error| LabError::ReadyFile {
                            role: self.role.clone(),
                            path: ready_file.to_owned(),
                            reason: error.to_string(),
                        })?;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(LabError::Directory {
                        path: ready_file.to_owned(),
                        source,
                    });
                }
            }
            if Instant::now() >= deadline {
                self.reap();
                return Err(LabError::NotReady {
                    role: self.role.clone(),
                    after: timeout,
                    log: self.log.clone(),
                    tail: self.log_tail(),
                });
            }
            std::thread::sleep(POLL);
        }
    }

    fn exited(&self, status: ExitStatus) -> LabError {
        LabError::Exited {
            role: self.role.clone(),
            status,
            log: self.log.clone(),
            tail: self.log_tail(),
        }
    }

    fn process(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Tells whether the process has ended, without reaping it: until that, its number, which is
    /// its group's too, can't be given to another.
    fn has_ended(&self) -> bool {
        if self.ended.is_some() {
            return true;
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.process().is_some_and(|pid| {
            !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None))
        })
    }

    /// Kills what is left of the process group and reaps the process.
    fn reap(&mut self) -> ExitStatus {
        if let Some(status) = self.ended {
            return status;
        }
        if let Some(group) = self.process() {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let status = self.child.wait().unwrap_or_default();
        self.ended = Some(status);
        status
    }
}

impl Drop for LabBox {
    fn drop(&mut self) {
        self.reap();
    }
}
