//! Sources of a box's progress.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::starting::progress::StartProgress;

/// Size of a progress file, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// Sources of a box's progress, besides the kinds of lines in its log.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressSource {
    /// JSON file that the box keeps up to date.
    pub(crate) file: Option<PathBuf>,
    /// Directory whose growth is progress.
    pub(crate) data: Option<PathBuf>,
    /// Activity while its data grows.
    pub(crate) growing: &'static str,
    /// Reads progress from a line of the log.
    pub(crate) of_line: Option<fn(&str) -> Option<StartProgress>>,
}

impl ProgressSource {
    /// Reads the progress file. `None` if there is none.
    pub(super) fn report(&self) -> Option<StartProgress> {
        let mut bytes = Vec::new();
        let file = File::open(self.file.as_deref()?).ok()?;
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        StartProgress::parse(&bytes)
    }

    /// Returns the file to remove before the box starts.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}
