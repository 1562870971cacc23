//! Labs that are up in the directories of a folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::directory::lock::{self, Holder};

/// Entries of a folder that are looked at.
const ENTRIES_MAX: usize = 1_000;

/// A lab that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLab {
    /// Its directory.
    pub directory: PathBuf,
    /// The process that runs it.
    pub holder: Holder,
}

/// Finds the labs that are up in the directories of a folder, such as `.tenfold`, in the order of their names.
pub fn labs_in(folder: &Path) -> Vec<FoundLab> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<FoundLab> = entries
        .take(ENTRIES_MAX)
        .filter_map(|entry| {
            let directory = entry.path();
            let holder = lock::holder_of(&directory)?;
            Some(FoundLab { directory, holder })
        })
        .collect();
    found.sort_by(|one, other| one.directory.cmp(&other.directory));
    found
}

/// Finds the labs that are up beside a directory.
pub(crate) fn labs_beside(directory: &Path) -> Vec<FoundLab> {
    let folder = match directory.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Vec::new(),
    };
    let mut found = labs_in(folder);
    found.retain(|own| own.directory.file_name() != directory.file_name());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::lock::DirectoryLock;

    #[test]
    fn finds_labs_that_are_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let holder = Holder::of_this_process("single-box", "tenfold run spike");
        let _held = DirectoryLock::take(&path("b"), &holder).unwrap();
        let _other = DirectoryLock::take(&path("a"), &holder).unwrap();
        drop(DirectoryLock::take(&path("free"), &holder).unwrap());
        // Its owner was killed, and nobody holds the lock.
        fs::create_dir(path("stale")).unwrap();
        fs::write(path("stale/lab.lock"), "4194304\ncached\ntenfold lab up\n").unwrap();
        fs::create_dir(path("else")).unwrap();
        fs::write(path("file"), "").unwrap();
        let found = labs_in(folder.path());
        let names: Vec<_> = found.iter().map(|own| own.directory.clone()).collect();
        assert_eq!(names, [path("a"), path("b")]);
        assert_eq!(found[0].holder, holder);
        assert_eq!(labs_beside(&path("a")), found[1..]);
        assert!(labs_in(&path("missing")).is_empty());
    }
}
