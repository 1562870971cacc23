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

/// Connections that can be opened to one address of one target without a search: half of the local
/// ports. None where the system does not tell.
///
/// Linux hands out every second port first; once those are gone, it looks through all of them for
/// each further connection, which takes the better part of a millisecond of the opener's time.
pub fn connections_to_one_address() -> Option<u64> {
    port_range(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?)
        .map(|(first, last)| (last + 1 - first) / 2)
}

fn port_range(text: &str) -> Option<(u64, u64)> {
    let mut ports = text.split_whitespace().map(str::parse);
    let (first, last) = (ports.next()?.ok()?, ports.next()?.ok()?);
    (first <= last).then_some((first, last))
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
    fn a_port_range_is_read() {
        assert_eq!(port_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(port_range("60999 32768"), None);
        assert_eq!(port_range("all"), None);
    }

    #[test]
    fn the_limit_never_falls() {
        let (before, after) = raise_open_files();
        assert!(after >= before);
        assert_eq!(raise_open_files(), (after, after));
    }
}
