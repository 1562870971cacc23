//! Git revisions: checkout and build.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tenfold_child_process::describe_exit;
use tenfold_loadgen::Interrupt;

use crate::GateError;
use crate::subject::logged_command::{LoggedCommand, POLL};

/// Number of lines of build output in an error.
const TAIL_LINES: usize = 20;

/// Work tree of a commit. Dropping it removes the tree, but no files outside it.
#[derive(Debug)]
pub(crate) struct WorkTree {
    repository: PathBuf,
    path: PathBuf,
}

impl WorkTree {
    /// Checks a commit out at `path`, replacing the work tree of an earlier gate.
    pub(crate) fn add(repository: &Path, commit: &str, path: &Path) -> Result<Self, GateError> {
        let tree = Self {
            repository: repository.to_owned(),
            path: path.to_owned(),
        };
        tree.remove();
        let action = || format!("check {commit} out at {}", path.display());
        git(
            repository,
            &["worktree", "add", "--detach", "--force", "--quiet"],
            Some((path, commit)),
        )
        .map_err(|reason| GateError::Git {
            action: action(),
            reason,
        })?;
        Ok(tree)
    }

    /// Returns the path of the work tree.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn remove(&self) {
        let path = self.path.to_string_lossy();
        let _ = git(
            &self.repository,
            &["worktree", "remove", "--force", &path],
            None,
        );
        let _ = std::fs::remove_dir_all(&self.path);
        let _ = git(&self.repository, &["worktree", "prune"], None);
    }
}

impl Drop for WorkTree {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Runs a build command in a directory, with its output in `log`.
///
/// # Errors
/// Fails if the command fails or exceeds the time limit, or the gate is interrupted.
pub(crate) fn build(
    subject: &str,
    command: &str,
    directory: &Path,
    log: &Path,
    within: Duration,
    interrupt: &Interrupt,
) -> Result<(), GateError> {
    let deadline = Instant::now() + within;
    let mut running = LoggedCommand::start(command, directory, log)?;
    let not_built = |running: &LoggedCommand, reason: String| GateError::NotBuilt {
        subject: subject.to_owned(),
        command: command.to_owned(),
        reason,
        log: running.log_tail(TAIL_LINES),
    };
    loop {
        match running.exited() {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                let reason = format!("ended with {}", describe_exit(status));
                return Err(not_built(&running, reason));
            }
            None if *interrupt.borrow() => return Err(GateError::Interrupted),
            None if Instant::now() >= deadline => {
                let reason =
                    format!("did not end within {within:?}; raise the limit with --build-within");
                return Err(not_built(&running, reason));
            }
            None => std::thread::sleep(POLL),
        }
    }
}

/// Returns the root of the repository around a directory.
pub(crate) fn repository(directory: &Path) -> Result<PathBuf, GateError> {
    git(directory, &["rev-parse", "--show-toplevel"], None)
        .map(|path| PathBuf::from(path.trim()))
        .map_err(|reason| GateError::Git {
            action: format!("find the repository around {}", directory.display()),
            reason,
        })
}

fn git(
    directory: &Path,
    arguments: &[&str],
    checkout: Option<(&Path, &str)>,
) -> Result<String, String> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(directory);
    if let Some((path, commit)) = checkout {
        command.arg(path).arg(commit);
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("could not run git: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(reason.trim().to_owned())
}
