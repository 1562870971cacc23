//! Search for run directories.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::RunDir;

/// Most levels of directories that are searched.
const DEPTH_MAX: usize = 8;

/// Returns the run directories in and below a directory, sorted by path: those with a manifest and counts.
///
/// Does not look into run directories, and does not follow symbolic links. Skips directories that can't be read, except the
/// first.
///
/// # Errors
/// If the directory can't be read.
pub fn find_runs(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    search(directory, DEPTH_MAX, &mut found)?;
    found.sort();
    Ok(found)
}

fn search(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = fs::read_dir(directory)?;
    if is_run(directory) {
        found.push(directory.to_owned());
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    for entry in entries.filter_map(Result::ok) {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // One unreadable directory must not hide the others.
            let _ = search(&entry.path(), depth - 1, found);
        }
    }
    Ok(())
}

fn is_run(directory: &Path) -> bool {
    directory.join("manifest.json").is_file() && RunDir::open(directory).is_recorded()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_runs_at_any_depth() {
        let root = tempfile::tempdir().unwrap();
        let run = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("manifest.json"), "{}").unwrap();
            fs::write(path.join("counts.json"), "{}").unwrap();
            path
        };
        let expected = [run("a"), run("b/c/d")];
        run("a/inside-a-run");
        fs::create_dir_all(root.path().join("unfinished")).unwrap();
        fs::write(root.path().join("unfinished/manifest.json"), "{}").unwrap();
        assert_eq!(find_runs(root.path()).unwrap(), expected);
        assert_eq!(find_runs(&expected[0]).unwrap(), expected[..1]);
        assert!(find_runs(&root.path().join("absent")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn does_not_follow_links() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        assert!(find_runs(root.path()).unwrap().is_empty());
    }
}
