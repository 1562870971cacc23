//! How a build is started.

use std::path::PathBuf;
use std::time::Duration;

use tenfold_loadgen::HttpVersion;

use crate::subject::{ADMIN_PORT, PORT, SLOT};

/// One of the two places in which a build may be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// The word for it.
    fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// How a build is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// The shell command, with `{port}` and, where the build has one, `{admin_port}`.
    pub(crate) template: String,
    /// The directory it is run in.
    pub(crate) directory: PathBuf,
    /// The path that is asked for until it is answered.
    pub(crate) ready_path: String,
    /// How long that may take.
    pub(crate) ready_within: Duration,
    /// What it speaks.
    pub(crate) http: HttpVersion,
}

impl Launch {
    /// Returns the command for these ports, in a slot.
    pub(crate) fn command(&self, slot: Slot, port: u16, admin: u16) -> String {
        self.template
            .replace(SLOT, slot.name())
            .replace(PORT, &port.to_string())
            .replace(ADMIN_PORT, &admin.to_string())
    }

    /// Says whether the build is given a port for its metrics and profiles.
    pub(crate) fn has_admin(&self) -> bool {
        self.template.contains(ADMIN_PORT)
    }
}
