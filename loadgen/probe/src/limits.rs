//! Limits of the system.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files as far as possible without privileges. Returns the limits before and after.
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

/// Returns the number of connections to one address that find a local port quickly: half of the port range. `None` if the
/// system does not report the range.
///
/// Linux assigns every second port first. After that, it searches all of them for each connection, which takes the caller
/// almost a millisecond.
pub fn connections_to_one_address() -> Option<u64> {
    port_range(&std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?)
        .map(|(first, last)| (last + 1 - first) / 2)
}

fn port_range(text: &str) -> Option<(u64, u64)> {
    let mut ports = text.split_whitespace().map(str::parse);
    let (first, last) = (ports.next()?.ok()?, ports.next()?.ok()?);
    (first <= last).then_some((first, last))
}

/// Returns the limit on open files, and how far it can be raised. [`u64::MAX`] stands for no limit.
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
    fn parses_a_port_range() {
        assert_eq!(port_range("32768\t60999\n"), Some((32_768, 60_999)));
        assert_eq!(port_range("60999 32768"), None);
        assert_eq!(port_range("all"), None);
    }

    #[test]
    fn raising_never_lowers_the_limit() {
        let (before, after) = raise_open_files();
        assert!(after >= before);
        assert_eq!(raise_open_files(), (after, after));
    }
}
