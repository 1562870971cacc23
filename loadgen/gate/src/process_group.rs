//! A shell command in a process group of its own, which does not outlive this program.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::GateError;

/// How often a process is looked at while something is awaited of it.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// How long a command may take to end once it is told to.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The end of a log that is looked at.
const TAIL_BYTES: u64 = 8_192;

/// Waits until its standard input closes, which it does with the program that holds the other end, and
/// kills the group.
const GUARD: &str = r#"read -r _; kill -s KILL -- "-$1""#;

/// A shell command in a process group of its own. Dropping it kills the group, and so does the end of
/// this program, however that comes.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    child: Child,
    guard: Option<Child>,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl ProcessGroup {
    /// Starts a command in a directory; what it writes goes to `log`.
    pub(crate) fn start(command: &str, directory: &Path, log: &Path) -> Result<Self, GateError> {
        let output = File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
        let (output, error) = output.map_err(|source| GateError::System {
            action: "write",
            what: log.display().to_string(),
            source,
        })?;
        let child = shell(command)
            .current_dir(directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(error)
            .spawn();
        let failed = |source| GateError::System {
            action: "start",
            what: format!("`{command}`"),
            source,
        };
        let mut group = Self {
            child: child.map_err(failed)?,
            guard: None,
            log: log.to_owned(),
            ended: None,
        };
        group.guard = Some(guard(group.child.id()).map_err(failed)?);
        Ok(group)
    }

    /// The process that leads it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last lines of its log; empty where it wrote none.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, lines).unwrap_or_default()
    }

    /// How the process that leads it ended, where it has ended by itself; what it left is killed.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() && self.has_exited() {
            self.end();
        }
        self.ended
    }

    /// Asks it to stop. Nothing is waited for.
    pub(crate) fn ask_to_stop(&mut self) {
        if self.ended().is_none()
            && let Some(group) = self.leader()
        {
            // What is gone needs no asking.
            let _ = rustix::process::kill_process_group(group, Signal::TERM);
        }
    }

    /// Asks it to stop, and waits; kills what hasn't in time.
    pub(crate) fn stop(mut self) {
        self.ask_to_stop();
        let deadline = Instant::now() + STOP_WITHIN;
        while self.ended().is_none() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        self.end();
    }

    fn leader(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Tells whether the leader has ended, without reaping it: until that, its number, which is its
    /// group's too, can't be given to another.
    fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.leader().is_some_and(|pid| {
            !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None))
        })
    }

    /// Kills what is left of the group and reaps the leader.
    fn end(&mut self) {
        if self.ended.is_some() {
            return;
        }
        if let Some(group) = self.leader() {
            // There may be nobody left to kill.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        // It goes before the leader is reaped: later, the number might be another group's.
        if let Some(mut guard) = self.guard.take() {
            let _ = guard.kill();
            let _ = guard.wait();
        }
        self.ended = Some(self.child.wait().unwrap_or_default());
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.end();
    }
}

/// How a process ended, in words.
pub(crate) fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

/// A shell that runs a command, and dies with this thread where the system has `setpriv`: that covers the
/// moment until there is a guard.
fn shell(command: &str) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    let mut shell = if setpriv.exists() {
        let mut bound = Command::new(setpriv);
        bound.args(["--pdeathsig", "KILL", "--", "sh"]);
        bound
    } else {
        Command::new("sh")
    };
    shell.arg("-c").arg(command);
    shell
}

/// Starts a process that kills a group once this program is gone.
///
/// Its group is its own, so that Ctrl-C, which a terminal sends to all of the foreground, does not take it
/// away first.
fn guard(group: u32) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", GUARD, "sh", &group.to_string()])
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// The last lines of a file.
fn tail(path: &Path, lines: usize) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = fs::metadata(path)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether anything is left of a process group, or of a process, by its number.
    fn is_there(pid: u32) -> bool {
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // One that has ended and was not waited for is there no more than in name.
        !state.is_empty() && !state.contains(") Z ")
    }

    fn within_seconds(mut is: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if is() {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }

    /// A shell that has a child, whose number it writes first.
    const PARENT: &str = "sleep 60 & echo $!; wait";

    fn started(directory: &Path) -> (ProcessGroup, u32) {
        let group = ProcessGroup::start(PARENT, directory, &directory.join("log")).unwrap();
        let mut child = None;
        assert!(within_seconds(|| {
            child = group.log_tail(1).trim().parse().ok();
            child.is_some()
        }));
        (group, child.unwrap())
    }

    #[test]
    fn dropping_ends_the_whole_group() {
        let directory = tempfile::tempdir().unwrap();
        let (group, child) = started(directory.path());
        assert!(is_there(child));
        drop(group);
        assert!(within_seconds(|| !is_there(child)));
    }

    #[test]
    fn the_guard_ends_the_group_once_its_input_closes() {
        let directory = tempfile::tempdir().unwrap();
        let (mut group, child) = started(directory.path());
        // The end of this program closes it in the same way.
        drop(group.guard.as_mut().unwrap().stdin.take());
        assert!(within_seconds(|| !is_there(child)));
        let status = group.guard.as_mut().unwrap().wait().unwrap();
        assert!(status.success(), "{status}");
        assert!(within_seconds(|| group.ended().is_some()));
        assert_eq!(told(group.ended().unwrap()), "signal 9");
    }

    #[test]
    fn the_end_and_the_last_lines_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let command = "echo one; echo two >&2; echo three; exit 3";
        let mut group = ProcessGroup::start(command, directory.path(), &log).unwrap();
        assert!(within_seconds(|| group.ended().is_some()));
        assert_eq!(told(group.ended().unwrap()), "exit code 3");
        assert_eq!(group.log_tail(2), "two\nthree");
        group.stop();
    }
}
