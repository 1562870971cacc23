//! Shell command with a log, which does not outlive this program.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tenfold_child_process::{ProcessGroup, Signal, killed_with_parent, log_tail};

use crate::GateError;

/// Interval at which a process is polled.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// Longest wait for a command to exit after a signal.
const STOP_WAIT_MAX: Duration = Duration::from_secs(5);

/// Shell command in a process group of its own, with a log of its output. The group is killed when this value is dropped,
/// or when the program ends, even by SIGKILL.
#[derive(Debug)]
pub(crate) struct LoggedCommand {
    group: ProcessGroup,
    log: PathBuf,
}

impl LoggedCommand {
    /// Starts a command in a directory, with its output in `log`.
    pub(crate) fn start(command: &str, directory: &Path, log: &Path) -> Result<Self, GateError> {
        let output = File::create(log).and_then(|file| Ok((file.try_clone()?, file)));
        let (output, error) = output.map_err(|source| GateError::System {
            action: "write",
            what: log.display().to_string(),
            source,
        })?;
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(directory);
        // The death signal covers the moment until the guard is started.
        let mut shell = killed_with_parent(&shell);
        shell.stdin(Stdio::null()).stdout(output).stderr(error);
        let group =
            ProcessGroup::spawn_guarded(&mut shell).map_err(|source| GateError::System {
                action: "start",
                what: format!("`{command}`"),
                source,
            })?;
        Ok(Self {
            group,
            log: log.to_owned(),
        })
    }

    /// Returns the process ID of the shell.
    pub(crate) fn pid(&self) -> u32 {
        self.group.id()
    }

    /// Returns the last lines of the log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        log_tail(&self.log, lines)
    }

    /// Returns the exit status. `None` while the command runs. Kills the rest of the group after the exit.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.group.has_exited().then(|| self.group.kill())
    }

    /// Signals the command to stop, without waiting.
    pub(crate) fn signal_stop(&mut self) {
        if self.exited().is_none() {
            self.group.signal(Signal::TERM);
        }
    }

    /// Signals the command to stop, waits, and kills it after a time limit.
    pub(crate) fn stop(mut self) {
        self.signal_stop();
        self.group.wait_exited(STOP_WAIT_MAX);
        self.group.kill();
    }
}

#[cfg(test)]
mod tests {
    use tenfold_child_process::describe_exit;

    use super::*;

    #[test]
    fn reports_exit_code_and_last_lines() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let command = "echo one; echo two >&2; echo three; exit 3";
        let mut running = LoggedCommand::start(command, directory.path(), &log).unwrap();
        assert!(running.group.wait_exited(Duration::from_secs(10)));
        assert_eq!(describe_exit(running.exited().unwrap()), "exit code 3");
        assert_eq!(running.log_tail(2), "two\nthree");
        running.stop();
    }
}
