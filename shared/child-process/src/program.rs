//! Search for programs.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Finds a program on `PATH`, then in the directories of system daemons, which are not on every `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|path| is_program(path))
}

/// Returns whether `path` is a file that this process may execute.
pub fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_executable_files_only() {
        let shell = find_program("sh").unwrap();
        assert!(is_program(&shell));
        assert!(!is_program(Path::new("/")) && !is_program(Path::new("/etc/passwd")));
        assert_eq!(find_program("no-such-program"), None);
    }
}
