//! A build that is started apart from any gate.

use std::path::Path;

use tenfold_analysis::gate::Side;
use tenfold_loadgen::Interrupt;

use crate::GateError;
use crate::subject::Subject;
use crate::subject::command_service::CommandService;
use crate::subject::instance::Instance;
use crate::subject::launch::{Launch, Slot};
use crate::subject::prepared::{Prepared, Workshop};
use crate::subject::revision::WorkTree;

/// A command, a revision or a directory that is ready to be started. Dropping it removes its work tree.
#[derive(Debug)]
pub struct Build {
    launch: Launch,
    side: Side,
    _tree: Option<WorkTree>,
}

impl Build {
    /// Checks a subject out and builds it, if necessary. The directory of the workshop gets a work tree and a log that are named after
    /// the side.
    ///
    /// # Errors
    /// Fails if git or the build fails, if the start command is missing, if the subject is a URL, and if `interrupt` becomes true.
    pub fn prepare(
        subject: &Subject,
        side: Side,
        workshop: &Workshop<'_>,
    ) -> Result<Self, GateError> {
        match Prepared::of(subject, None, workshop, &side.to_string())? {
            Prepared::Launch { launch, _tree } => Ok(Self {
                launch,
                side,
                _tree,
            }),
            Prepared::Running(_) => Err(GateError::NoSubject {
                text: subject.to_string(),
            }),
        }
    }

    /// Starts it on free ports of the loopback address, and returns once it is ready. Its output goes to `log`.
    ///
    /// # Errors
    /// Fails if the service does not become ready, and if `interrupt` becomes true.
    pub fn start(&self, log: &Path, interrupt: &Interrupt) -> Result<CommandService, GateError> {
        let slot = match self.side {
            Side::Baseline => Slot::A,
            Side::Candidate => Slot::B,
        };
        Instance::start(&self.launch, slot, log, interrupt).map(CommandService)
    }
}
