//! A service that a shell command starts, apart from any gate.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tenfold_loadgen::{HttpVersion, Interrupt};

use crate::GateError;
use crate::subject::PORT;
use crate::subject::instance::Instance;
use crate::subject::launch::{Launch, Slot};

/// Shell command that starts a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCommand {
    /// Command with `{port}`, and `{admin_port}` if the service has metrics and profiles.
    pub command: String,
    /// Working directory.
    pub directory: PathBuf,
    /// Path that answers with a status below 500 once the service is ready.
    pub ready_path: String,
    /// Time limit to become ready.
    pub ready_within: Duration,
    /// HTTP version of the service. TLS is not supported.
    pub http: HttpVersion,
}

/// A service that a shell command started. Dropping it kills the process and all its children.
#[derive(Debug)]
pub struct CommandService(pub(super) Instance);

impl CommandService {
    /// Starts a service on free ports of the loopback address, and returns once it is ready. Its output goes to `log`.
    ///
    /// # Errors
    /// If the command has no `{port}`, if the service does not become ready, and if `interrupt` becomes true.
    pub fn start(
        command: &ServiceCommand,
        log: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, GateError> {
        if !command.command.contains(PORT) {
            return Err(GateError::NoPort {
                command: command.command.clone(),
            });
        }
        let launch = Launch {
            template: command.command.clone(),
            directory: command.directory.clone(),
            ready_path: command.ready_path.clone(),
            ready_within: command.ready_within,
            http: command.http,
        };
        Instance::start(&launch, Slot::A, log, interrupt).map(Self)
    }

    /// Address of the service.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Address of its metrics and profiles. `None` if the command has no `{admin_port}`.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.0.admin()
    }

    /// Asks the service to stop, waits, and kills it after a time limit.
    pub fn stop(self) {
        self.0.stop();
    }
}
