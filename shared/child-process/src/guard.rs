//! A shell that cleans up after this program.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Kills a process group once standard input closes.
const KILL_GROUP: &str = r#"read -r _; kill -s KILL -- "-$1""#;

/// A shell script whose standard input closes when this program ends, even if it is killed. The rest of the script is the
/// clean-up.
///
/// The shell has a process group of its own, so that Ctrl-C, which a terminal sends to the whole foreground group,
/// does not end it first. Dropping the guard closes the input as well, and waits for the script to end.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
    input: Option<ChildStdin>,
}

impl Guard {
    /// Starts a script as `name`, with arguments. Its working directory is `/`, its standard error is discarded.
    ///
    /// # Errors
    /// If `sh` can't be started.
    pub fn start<S: AsRef<OsStr>>(
        name: &str,
        script: &str,
        arguments: impl IntoIterator<Item = S>,
        stdout: Stdio,
    ) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", script, name])
            .args(arguments)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            input: shell.stdin.take(),
            shell,
        })
    }

    /// Starts a guard that kills one process group.
    ///
    /// # Errors
    /// If `sh` can't be started.
    pub fn of_group(group: u32) -> io::Result<Self> {
        Self::start("guard", KILL_GROUP, [group.to_string()], Stdio::null())
    }

    /// Writes a line to the script's standard input. Does nothing if the script has ended.
    pub fn send(&mut self, line: &str) {
        if let Some(input) = &mut self.input {
            // A single write: a caller that is killed leaves no half line, which the script would not read.
            let _ = input.write_all(format!("{line}\n").as_bytes());
        }
    }

    /// Kills the script, so that it cleans up nothing.
    pub fn dismiss(mut self) {
        // It may have ended already; dropping waits for it either way.
        let _ = self.shell.kill();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_reads_lines_and_then_cleans_up() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let script = r#"while read -r line; do echo "$line"; done; echo "$0 $1""#;
        let stdout = std::fs::File::create(&log).unwrap();
        let mut guard = Guard::start("name", script, ["end"], stdout.into()).unwrap();
        guard.send("one");
        guard.send("two");
        drop(guard);
        assert_eq!(
            std::fs::read_to_string(&log).unwrap(),
            "one\ntwo\nname end\n"
        );
    }

    #[test]
    fn dismissed_guard_cleans_up_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let stdout = std::fs::File::create(&log).unwrap();
        let guard = Guard::start("name", "read -r _; echo end", [""; 0], stdout.into()).unwrap();
        guard.dismiss();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "");
    }
}
