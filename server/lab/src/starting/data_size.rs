//! Size of a box's data.

use std::fs;
use std::path::{Path, PathBuf};

/// Files and directories that are looked at. The size of a larger tree is that of its first part.
const ENTRIES_MAX: usize = 5_000;

/// Returns the sum of the sizes of all files below a directory, in bytes. 0 if it does not exist.
///
/// Symbolic links are not followed.
pub(super) fn data_bytes(directory: &Path) -> u64 {
    let mut left: Vec<PathBuf> = vec![directory.to_owned()];
    let mut bytes = 0;
    let mut entries = 0;
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            entries += 1;
            if entries > ENTRIES_MAX {
                return bytes;
            }
            // A file that was removed meanwhile has no size.
            let Ok(found) = entry.metadata() else {
                continue;
            };
            if found.is_dir() {
                left.push(entry.path());
            } else if found.is_file() {
                bytes += found.len();
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_files_of_all_folders() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        assert_eq!(data_bytes(&path("missing")), 0);
        fs::create_dir_all(path("a/b")).unwrap();
        fs::write(path("one"), [0; 10]).unwrap();
        fs::write(path("a/b/two"), [0; 300]).unwrap();
        std::os::unix::fs::symlink(directory.path(), path("a/loop")).unwrap();
        assert_eq!(data_bytes(directory.path()), 310);
    }
}
