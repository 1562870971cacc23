//! What a box is, before it is started: it can be started again from this.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::boxes::readiness::{Listening, Readiness};
use crate::network;

/// What a box is, before it is started.
#[derive(Debug, Clone)]
pub(crate) struct BoxPlan {
    /// Its name, unique in the lab: the role, with a number where there are several.
    pub(crate) name: String,
    /// What it is for: boxes of a role have the same allowance.
    pub(crate) role: &'static str,
    /// The zone that it is in; none where the stage has no zones, or it is in none.
    pub(crate) zone: Option<&'static str>,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Variables of its environment; none takes one away that this process has.
    pub(crate) environment: Vec<(OsString, Option<OsString>)>,
    /// The network namespace that it runs in; none for this machine's own.
    pub(crate) namespace: Option<String>,
    /// How it tells that it is ready.
    pub(crate) readiness: Readiness,
    /// How it is asked to stop.
    pub(crate) stop: Stop,
    /// The directory of a balancer that it works in, and that its runtime API's socket is in; none for all other boxes.
    pub(crate) balancer: Option<PathBuf>,
}

/// How a box is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its standard input is closed.
    Stdin,
    /// It gets a signal, and may end by it.
    Signal(Signal),
}

/// Waits for a line, so that whoever starts it can first see to it that it ends with the lab; joins the control
/// groups whose entrances come first, up to `--`; and becomes the program.
///
/// A process that joins by itself is in them from its first instruction.
const JOIN: &str = r#"
read -r _ || exit 70
while [ "$1" != -- ]; do
    echo $$ >"$1" || exit 70
    shift
done
shift
exec "$@"
"#;

impl BoxPlan {
    /// A program that is no part of this one: it listens, and stops upon `SIGTERM`.
    pub(crate) fn program(
        name: impl Into<String>,
        role: &'static str,
        program: PathBuf,
        listening: Listening,
    ) -> Self {
        Self {
            name: name.into(),
            role,
            zone: None,
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            namespace: None,
            readiness: Readiness::Listening(listening),
            stop: Stop::Signal(Signal::TERM),
            balancer: None,
        }
    }

    /// Has these arguments beside those that it has.
    pub(crate) fn with<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The command that starts it, in these control groups, once it is given a line.
    pub(crate) fn command(&self, entrances: impl Iterator<Item = PathBuf>) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", JOIN, "sh"]).args(entrances).arg("--");
        if let Some(namespace) = &self.namespace {
            let mut entered = OsString::from("--net=");
            entered.push(network::path_of(namespace));
            command.args(["nsenter".into(), entered, "--".into()]);
        }
        command.arg(&self.program);
        command.args(&self.arguments);
        if let Some(directory) = &self.balancer {
            command.current_dir(directory);
        }
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}
