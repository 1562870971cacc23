//! Checks that several fuzz targets share.

mod logs;

use std::path::PathBuf;

pub use logs::{check_log, check_replay};

/// Returns the path of a file of this process in the folder for temporary files, which `scripts/fuzz` removes.
pub fn temporary_file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{}-{name}", std::process::id()))
}

/// Asserts that a text for the terminal contains no control character except line feeds and tabs.
pub fn assert_printable(text: &str) {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!text.contains(control), "control character in {text:?}");
}
