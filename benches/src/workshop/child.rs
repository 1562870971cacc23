//! A process that the benchmark starts, and that never outlives it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tenfold_child_process::{ProcessGroup, Signal, find_program, killed_with_parent, wrapped};

use crate::workshop::interrupt::{Interrupt, Interrupted};

/// The most that is read of what a process wrote, in bytes.
const MOST_READ: u64 = 16 << 20;

/// What a command runs within.
#[derive(Debug, Clone, Default)]
pub(crate) struct Confines {
    /// The processor that it is held to; none for any.
    pub(crate) processor: Option<usize>,
    /// The limit on open files that it begins with, as a shell gives it; none for this process's.
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
    /// Starts a command; what it writes goes to `NAME.out` and `NAME.err` in `directory`.
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

    /// Tells whether it has ended, without letting go of its process id.
    pub(crate) fn has_ended(&self) -> bool {
        self.group.has_exited()
    }

    /// Waits until it has ended, or for `most`; returns whether it did.
    pub(crate) fn wait(&self, most: Duration, interrupt: &Interrupt) -> Result<bool, Interrupted> {
        interrupt.wait(most, || self.has_ended())
    }

    /// Asks it to end, gives it time to stop what it has started itself, and kills what is left.
    pub(crate) fn stop(&mut self, within: Duration) {
        self.group.signal_leader(Signal::TERM);
        // Whoever interrupted the benchmark has no say in this wait, for it is short.
        let _ = self.wait(within, &Interrupt::default());
        self.end();
    }

    /// Kills what is left of its group and returns how it ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.group.kill()
    }

    /// What it wrote to standard output so far.
    pub(crate) fn output(&self) -> String {
        read(&self.output)
    }

    /// What it wrote to standard error so far.
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
        // Messages are stored, and where things lay on this machine is nobody's business.
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
        // What can't be read is as good as not written: it is only looked at.
        let _ = file.take(MOST_READ).read_to_end(&mut bytes);
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
    fn what_it_writes_is_kept() {
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
    fn its_children_die_with_it() {
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
            // A process that nobody has waited for yet is dead all the same.
            std::fs::read_to_string(&grandchild).map_or(true, |stat| stat.contains(") Z "))
        });
        assert!(gone.unwrap());
    }

    #[test]
    fn confines_hold() {
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
