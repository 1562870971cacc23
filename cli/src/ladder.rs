//! The steps of a ladder: the road of the reference service, or a file.

pub(crate) mod climb;
mod prices;
mod resume;
mod road;
mod steps_file;

use std::path::Path;

use crate::exit::UsageError;

/// File with the result, also of an unfinished ladder.
pub(crate) const LADDER: &str = "ladder.json";

/// Returns the error of a ladder in a format that this version can't read.
pub(crate) fn other_version(path: &Path, version: u32) -> UsageError {
    UsageError(format!(
        "{} has a ladder in version {version} of the format, which this version of tenfold cannot read",
        path.display()
    ))
}
