//! What the system lets a process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files as far as it goes without privileges, and returns it before and
/// after. Where the system refuses, both are the same.
///
/// Each connection is an open file, and the usual limit of 1,024 is too low for a generator.
pub fn raise_open_files() -> (u64, u64) {
    let (before, _) = open_files();
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            },
        );
    }
    (before, open_files().0)
}

/// The limit on open files in force, and how far it may be raised; unlimited is the largest number.
pub(crate) fn open_files() -> (u64, u64) {
    let limit = getrlimit(Resource::Nofile);
    (
        limit.current.unwrap_or(u64::MAX),
        limit.maximum.unwrap_or(u64::MAX),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_never_falls() {
        let (before, after) = raise_open_files();
        assert!(after >= before);
        assert_eq!(raise_open_files(), (after, after));
    }
}
