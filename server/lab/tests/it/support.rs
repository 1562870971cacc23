//! Shared by the tests: a lab with one box that runs a shell script.

#![expect(
    clippy::unwrap_used,
    reason = "the lint allows it in tests, but not in their helper functions"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use tenfold_lab::{Lab, LabError, LabOptions, stage, up};

/// Replacement for the program. The file `mode` in the lab's directory selects its behaviour.
pub(crate) const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program.sh");

pub(crate) fn options(directory: &Path, mode: &str) -> LabOptions {
    fs::write(directory.join("mode"), mode).unwrap();
    let mut options = LabOptions::new(PROGRAM, directory);
    options.stop_timeout = Duration::from_secs(5);
    options
}

pub(crate) fn single_box(options: &LabOptions) -> Result<Lab, LabError> {
    up(stage::find("single-box").unwrap(), options)
}

pub(crate) fn is_running(pid: u32) -> bool {
    // A zombie no longer runs.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or(" Z").starts_with(" Z"))
}
