//! The plan of a box, from which it can be started any number of times.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::LabError;
use crate::boxes::build::{Build, BuildChange};
use crate::boxes::readiness::{Listening, Readiness};
use crate::boxes::renewal::Renewal;
use crate::network;
use crate::starting::progress_source::ProgressSource;

/// The plan of a box. Its arguments and environment hold secrets, so debug output leaves them out.
#[derive(Clone)]
pub(crate) struct BoxPlan {
    /// Name, unique in the lab: the role, with a number if there are several.
    pub(crate) name: String,
    /// Role. All boxes of a role have the same allowance.
    pub(crate) role: &'static str,
    /// Zone. `None` if the stage has no zones or the box belongs to none.
    pub(crate) zone: Option<&'static str>,
    /// Program to run.
    pub(crate) program: PathBuf,
    /// Arguments of the program.
    pub(crate) arguments: Vec<OsString>,
    /// Environment variables to set, or to remove if `None`.
    pub(crate) environment: Vec<(OsString, Option<OsString>)>,
    /// Network namespace to run in. `None` for that of this machine.
    pub(crate) namespace: Option<String>,
    /// Box whose network namespace it shares. `None` if it has its own.
    pub(crate) beside: Option<&'static str>,
    /// Readiness check.
    pub(crate) readiness: Readiness,
    /// Sources of its progress until it is ready.
    pub(crate) progress: ProgressSource,
    /// Request to stop.
    pub(crate) stop: Stop,
    /// Working directory of a balancer, which holds its runtime API's socket. `None` for all other boxes.
    pub(crate) balancer: Option<PathBuf>,
    /// URL, with its password, at which its counters can be read. `None` for boxes of the service and balancers.
    pub(crate) monitor: Option<String>,
    /// Settings of the service that were changed while the lab was up. They win over `environment`.
    pub(crate) settings: BTreeMap<String, String>,
    /// Means by which it takes a new certificate.
    pub(crate) renewal: Renewal,
    /// URL, with its password, at which the service uses it. `None` unless the box is a store that can be used by itself.
    pub(crate) url: Option<String>,
}

impl fmt::Debug for BoxPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxPlan")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("zone", &self.zone)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// Request to stop a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Closing its standard input.
    Stdin,
    /// Sending it a signal, which may terminate it.
    Signal(Signal),
}

/// Reads a line, so that the guard knows the process before it does anything; joins the control groups
/// whose `cgroup.procs` files come first, up to `--`; and executes the program.
///
/// Joining before `exec` accounts for the program from its first instruction.
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
    /// Plans a third-party program that listens on an address and stops on `SIGTERM`.
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
            beside: None,
            readiness: Readiness::Listening(listening),
            progress: ProgressSource::default(),
            stop: Stop::Signal(Signal::TERM),
            balancer: None,
            monitor: None,
            settings: BTreeMap::new(),
            renewal: Renewal::Nothing,
            url: None,
        }
    }

    /// Returns the build of a box of the service.
    pub(crate) fn build(&self) -> Build {
        Build {
            program: self.program.clone(),
            settings: self.settings.clone(),
        }
    }

    /// Returns the build after a change.
    ///
    /// # Errors
    /// Returns an error if the box does not run the service, the program does not exist, or the lab chooses a setting itself.
    pub(crate) fn build_after(&self, change: &BuildChange) -> Result<Build, LabError> {
        if self.stop != Stop::Stdin {
            return Err(LabError::Refused(format!(
                "could not replace {}: it does not run the service, but {}",
                self.name,
                self.program.display()
            )));
        }
        let is_reserved = |name: &str| self.environment.iter().any(|own| own.0 == name);
        self.build().changed_by(change, is_reserved)
    }

    /// Sets the build, from the next start on.
    pub(crate) fn set_build(&mut self, build: Build) {
        (self.program, self.settings) = (build.program, build.settings);
    }

    /// Replaces a password in the environment and the URL of its counters. Returns whether the environment had it, so that
    /// the process still uses the earlier one.
    pub(crate) fn replace_password(&mut self, earlier: &str, password: &str) -> bool {
        if let Some(url) = &mut self.monitor {
            *url = url.replace(earlier, password);
        }
        if let Renewal::Cache(session) = &mut self.renewal {
            session.replace_password(earlier, password);
        }
        let mut is_outdated = false;
        for (_, value) in &mut self.environment {
            let text = value.as_ref().and_then(|value| value.to_str());
            if let Some(text) = text.filter(|text| text.contains(earlier)) {
                *value = Some(text.replace(earlier, password).into());
                is_outdated = true;
            }
        }
        is_outdated
    }

    /// Appends arguments.
    pub(crate) fn with<A: Into<OsString>>(
        mut self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Returns the command that starts the box in these control groups once it reads a line.
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
        command.envs(&self.settings);
        command
    }
}
