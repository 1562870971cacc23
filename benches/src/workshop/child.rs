//! Child processes of the benchmark, which never outlive it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tenfold_child_process::{ProcessGroup, Signal, find_program, killed_with_parent, wrapped};

use crate::workshop::interrupt::{Interrupt, Interrupted};

/// Maximum length of a process's output to read, in bytes.
const OUTPUT_BYTES_MAX: u64 = 16 << 20;

/// Limits of a command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confines {
    /// CPU to run on. `None` for any.
    pub(crate) processor: Option<usize>,
    /// Limit on open files at the start. `None` for that of this process.
    pub(crate) open_files: Option<u64>,
}

impl Confines {
    /// Puts a command within these confines, and lets the kernel kill it should this process die
    /// without a chance to do so. Each program in front of it becomes the next one, so that the
    /// process started is the command's own.
    fn around(&self, command: &Command) -> Command {
        let mut wrapper: Vec<String> = Vec::new();
        if let (Some(limit), Some(_)) = (self.open_files, find_program("prlimit")) {
            wrapper.extend(["prlimit".into(), format!("--nofile={limit}:"), "--".into()]);
        }
        if let (Some(processor), Some(_)) = (self.processor, find_program("taskset")) {
            wrapper.extend(["taskset".into(), "-c".into(), processor.to_string()]);
        }
        killed_with_parent(&wrapped(wrapper, command))
    }
}

/// A process with a group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Child {
    group: ProcessGroup,
    name: String,
    output: PathBuf,
    errors: PathBuf,
}

impl Child {
    /// Starts a command with its output in `NAME.out` and `NAME.err` in `directory`.
    ///
    /// Its standard input is a pipe that closes when the child is dropped or this process dies.
    pub(crate) fn start(
        name: &str,
        command: &Command,
        confines: &Confines,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let (output, errors) = (
            directory.join(format!("{name}.out")),
            directory.join(format!("{name}.err")),
        );
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("could not write {}", path.display()))
        };
        let mut confined = confines.around(command);
        confined
            .stdin(Stdio::piped())
            .stdout(create(&output)?)
            .stderr(create(&errors)?);
        let group = ProcessGroup::spawn(&mut confined)
            .with_context(|| format!("could not start {name}"))?;
        Ok(Self {
            group,
            name: name.to_owned(),
            output,
            errors,
        })
    }

    /// Its process id, until it is dropped.
    pub(crate) fn pid(&self) -> u32 {
        self.group.id()
    }

    /// Returns whether it has exited, without reaping it.
    pub(crate) fn has_ended(&self) -> bool {
        self.group.has_exited()
    }

    /// Waits until it has ended, or for `most`; returns whether it did.
    pub(crate) fn wait(&self, most: Duration, interrupt: &Interrupt) -> Result<bool, Interrupted> {
        interrupt.wait(most, || self.has_ended())
    }

    /// Asks it to exit, waits for it to stop its own children, and kills the rest of the group.
    pub(crate) fn stop(&mut self, within: Duration) {
        self.group.signal_leader(Signal::TERM);
        // Whoever interrupted the benchmark has no say in this wait, for it is short.
        let _ = self.wait(within, &Interrupt::default());
        self.end();
    }

    /// Kills the rest of its group and returns its exit status.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.group.kill()
    }

    /// Returns its standard output so far.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// Returns its standard error so far.
    pub(crate) fn errors(&self) -> String {
        read(&self.errors)
    }

    /// The last line that it wrote to standard error, or else to standard output, for a message.
    pub(crate) fn last_words(&self) -> String {
        let written = [self.errors(), self.output()];
        let mut lines = written
            .iter()
            .filter_map(|text| text.lines().rev().find(|line| !line.trim().is_empty()));
        let line = lines.next().map(str::trim);
        // Messages are stored, so remove paths of this machine.
        let folder = self
            .output
            .parent()
            .map(|folder| format!("{}/", folder.display()));
        line.map_or_else(
            || format!("{} wrote nothing", self.name),
            |line| {
                line.replace(&folder.unwrap_or_default(), "")
                    .chars()
                    .take(200)
                    .collect()
            },
        )
    }
}

fn read(path: &Path) -> String {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // Unreadable output counts as empty.
        let _ = file.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn keeps_output() {
        let directory = tempfile::tempdir().unwrap();
        let command = shell("echo out; echo err >&2; exit 3");
        let mut child =
            Child::start("words", &command, &Confines::default(), directory.path()).unwrap();
        assert!(
            child
                .wait(Duration::from_secs(20), &Interrupt::default())
                .unwrap()
        );
        assert_eq!(child.end().code(), Some(3));
        assert_eq!(
            (child.output().as_str(), child.last_words().as_str()),
            ("out\n", "err")
        );
    }

    #[test]
    fn kills_children_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let command = shell("sleep 300 & echo $!; wait");
        let child =
            Child::start("parent", &command, &Confines::default(), directory.path()).unwrap();
        let interrupt = Interrupt::default();
        let told = interrupt.wait(Duration::from_secs(20), || child.output().ends_with('\n'));
        assert!(told.unwrap());
        let grandchild = format!("/proc/{}/stat", child.output().trim());
        drop(child);
        let gone = interrupt.wait(Duration::from_secs(20), || {
            // A zombie counts as dead.
            std::fs::read_to_string(&grandchild).map_or(true, |stat| stat.contains(") Z "))
        });
        assert!(gone.unwrap());
    }

    #[test]
    fn enforces_limits() {
        let directory = tempfile::tempdir().unwrap();
        let confines = Confines {
            processor: Some(0),
            open_files: Some(64),
        };
        let child = Child::start(
            "nproc",
            &shell("nproc; ulimit -n"),
            &confines,
            directory.path(),
        )
        .unwrap();
        assert!(
            child
                .wait(Duration::from_secs(20), &Interrupt::default())
                .unwrap()
        );
        assert_eq!(child.output(), "1\n64\n");
    }
}
