//! The process that the other tests profile.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::{Child, Command, Stdio};

/// Name of its main thread: the kernel keeps 15 bytes of the program's.
pub(crate) const MAIN_THREAD: &str = "tenfold-profile";

/// A target, killed on drop.
pub(crate) struct Target(Child);

impl Target {
    /// Starts `support/profiled_target.rs` with work to do.
    pub(crate) fn start(work: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_tenfold-profiled-target");
        Self::spawn(Command::new(program).arg(work))
    }

    /// Starts a program.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(quiet.spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
