//! Start command of a build.

use std::path::PathBuf;
use std::time::Duration;

use tenfold_loadgen::HttpVersion;

use crate::subject::{ADMIN_PORT, PORT, SLOT};

/// Slot of a running build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// First slot.
    A,
    /// Second slot.
    B,
}

impl Slot {
    /// Returns the value of `{slot}`.
    fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// Start command of a build, and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Launch {
    /// Shell command with `{port}`, and `{admin_port}` if the build serves metrics and profiles.
    pub(crate) template: String,
    /// Working directory of the command.
    pub(crate) directory: PathBuf,
    /// Path requested until the build is ready.
    pub(crate) ready_path: String,
    /// Time limit to become ready.
    pub(crate) ready_within: Duration,
    /// HTTP version of the build.
    pub(crate) http: HttpVersion,
}

impl Launch {
    /// Returns the command for a slot and its ports.
    pub(crate) fn command(&self, slot: Slot, port: u16, admin: u16) -> String {
        self.template
            .replace(SLOT, slot.name())
            .replace(PORT, &port.to_string())
            .replace(ADMIN_PORT, &admin.to_string())
    }

    /// Returns whether the build serves metrics and profiles.
    pub(crate) fn has_admin(&self) -> bool {
        self.template.contains(ADMIN_PORT)
    }
}
