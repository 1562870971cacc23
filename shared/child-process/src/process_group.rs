//! A child process and all that it starts.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::Guard;

/// Pause between two looks at a process that is to exit.
const POLL: Duration = Duration::from_millis(5);

/// A child process that leads a process group of its own. Dropping it kills the whole group.
///
/// The leader is reaped only by [`ProcessGroup::kill`]. Until then the system can't reuse its number, which is also
/// the group's, so no signal reaches a stranger.
#[derive(Debug)]
pub struct ProcessGroup {
    leader: Child,
    guard: Option<Guard>,
    status: Option<ExitStatus>,
}

impl ProcessGroup {
    /// Starts a command as the leader of a new process group.
    ///
    /// # Errors
    /// If the command can't be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        Ok(Self {
            leader: command.process_group(0).spawn()?,
            guard: None,
            status: None,
        })
    }

    /// Starts a command as [`ProcessGroup::spawn`] does, with a [`Guard`] that kills the group if this program ends
    /// without dropping it.
    ///
    /// # Errors
    /// If the command or the guard can't be started; the command is killed then.
    pub fn spawn_guarded(command: &mut Command) -> io::Result<Self> {
        let mut group = Self::spawn(command)?;
        group.guard = Some(Guard::of_group(group.id())?);
        Ok(group)
    }

    /// Process id of the leader, which is also the id of the group.
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// Takes the pipe to the leader's standard input. `None` if there is no pipe or it was taken before.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.leader.stdin.take()
    }

    /// Takes the pipe from the leader's standard output. `None` if there is no pipe or it was taken before.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.leader.stdout.take()
    }

    /// Returns whether the leader has exited. Does not reap it.
    pub fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.status.is_some()
            || self.pid().is_some_and(|pid| {
                !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None))
            })
    }

    /// Waits for the leader to exit, for at most `timeout`. Returns whether it has exited.
    pub fn wait_exited(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            if self.has_exited() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Sends a signal to the leader, unless it was reaped.
    pub fn signal_leader(&self, signal: Signal) {
        if let (None, Some(pid)) = (self.status, self.pid()) {
            // It fails if the process has exited, which needs no signal.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Sends a signal to every process of the group, unless the leader was reaped.
    pub fn signal(&self, signal: Signal) {
        if let (None, Some(pid)) = (self.status, self.pid()) {
            // It fails if every process has exited.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }

    /// Kills the group, reaps the leader and returns how it ended. Later calls return the same status.
    pub fn kill(&mut self) -> ExitStatus {
        self.kill_and(|| {})
    }

    /// Does what [`ProcessGroup::kill`] does, and calls `before_reaping` between the kill and the reaping: the group
    /// is gone, and its number is not yet free.
    pub fn kill_and(&mut self, before_reaping: impl FnOnce()) -> ExitStatus {
        if let Some(status) = self.status {
            return status;
        }
        self.signal(Signal::KILL);
        before_reaping();
        if let Some(guard) = self.guard.take() {
            guard.dismiss();
        }
        let status = self.leader.wait().unwrap_or_default();
        self.status = Some(status);
        status
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.leader.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Stdio;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Starts a shell that has a child, and returns the child's process id too.
    fn parent_and_child() -> (ProcessGroup, u32) {
        let mut command = Command::new("sh");
        command
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(Stdio::piped());
        let mut group = ProcessGroup::spawn_guarded(&mut command).unwrap();
        let mut line = String::new();
        let output = group.take_stdout().unwrap();
        BufReader::new(output).read_line(&mut line).unwrap();
        (group, line.trim().parse().unwrap())
    }

    /// Waits until a process runs no more. One that nobody has reaped runs no more either.
    fn assert_ends(pid: u32) {
        let deadline = Instant::now() + SOON;
        loop {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if state.is_empty() || state.contains(") Z ") {
                return;
            }
            assert!(Instant::now() < deadline, "{pid} runs on");
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn dropping_kills_children_of_the_leader() {
        let (group, child) = parent_and_child();
        drop(group);
        assert_ends(child);
    }

    #[test]
    fn guard_kills_the_group_when_its_input_closes() {
        let (mut group, child) = parent_and_child();
        // The end of this program closes the input in the same way.
        drop(group.guard.take());
        assert_ends(child);
        assert!(group.wait_exited(SOON));
        assert_eq!(group.kill().signal(), Some(9));
    }

    #[test]
    fn exit_is_seen_without_reaping() {
        let mut command = Command::new("sh");
        let mut group = ProcessGroup::spawn(command.args(["-c", "exit 3"])).unwrap();
        assert!(group.wait_exited(SOON) && group.has_exited());
        let mut reaped_later = false;
        let status = group.kill_and(|| reaped_later = true);
        assert_eq!((status.code(), reaped_later), (Some(3), true));
        assert_eq!(group.kill(), status);
    }

    #[test]
    fn signals_reach_the_leader_alone_or_the_group() {
        let (group, child) = parent_and_child();
        group.signal(Signal::TERM);
        assert_ends(child);
        assert!(group.wait_exited(SOON));
        let (mut group, child) = parent_and_child();
        group.signal_leader(Signal::TERM);
        assert!(group.wait_exited(SOON));
        assert!(std::fs::exists(format!("/proc/{child}")).unwrap());
        assert_eq!(group.kill().signal(), Some(15));
        assert_ends(child);
    }

    #[test]
    fn waiting_ends_at_the_timeout() {
        let mut command = Command::new("sleep");
        let group = ProcessGroup::spawn(command.arg("60")).unwrap();
        assert!(!group.wait_exited(Duration::from_millis(20)));
    }
}
