//! The steps of a ladder: those of the reference service, or those of a file.

pub(crate) mod prices;
pub(crate) mod road;
pub(crate) mod steps_file;

use std::path::Path;

use crate::exit::UsageError;

/// Returns the error of a ladder in a format that this version can't read.
pub(crate) fn other_version(path: &Path, version: u32) -> UsageError {
    UsageError(format!(
        "{} has a ladder in version {version} of the format, which this version of tenfold cannot read",
        path.display()
    ))
}
