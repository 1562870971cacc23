//! The process that listens on a TCP port of this machine.

use std::collections::HashSet;
use std::fs;

use crate::ProfilerError;

/// State of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Returns the processes that listen on a TCP port of this machine, sorted by id. Workers that inherited the socket from
/// their parent are among them.
///
/// Sees sockets of its own network namespace only. The sockets of other users' processes are visible to root.
///
/// # Errors
/// If no socket listens on the port, or its process belongs to another user.
pub fn listeners(port: u16) -> Result<Vec<u32>, ProfilerError> {
    let error = |reason: String| ProfilerError::NoListener { port, reason };
    let mut inodes = HashSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        inodes.extend(listening(
            &fs::read_to_string(table).unwrap_or_default(),
            port,
        ));
    }
    if inodes.is_empty() {
        return Err(error(
            "no socket of this network namespace listens on it; `ss -ltnp` lists those that do, and a process in a container \
             is named by its pid"
                .to_owned(),
        ));
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found: Vec<u32> = processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| holds(*pid, &inodes))
        .collect();
    found.sort_unstable();
    if found.is_empty() {
        return Err(error(
            "a socket listens on it, but the process that holds it is not visible to this user; run as root or as that user, or \
             name the process by its pid"
                .to_owned(),
        ));
    }
    Ok(found)
}

/// Inodes of the sockets that listen on a port, in the format of `/proc/net/tcp` and `tcp6`.
fn listening(table: &str, port: u16) -> impl Iterator<Item = u64> {
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace();
        let (_, local_port) = fields.nth(1)?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?.parse().ok()?;
        let listens = state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port);
        listens.then_some(inode)
    })
}

/// Whether a process has one of the sockets open.
fn holds(pid: u32, inodes: &HashSet<u64>) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"));
    let mut links = descriptors
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok());
    links.any(|link| {
        let inode = link.to_str().and_then(socket_inode);
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

/// Inode in the link of a socket's descriptor: `socket:[12345]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_its_own_listener() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else {
                println!("skipped: no address {address}");
                continue;
            };
            let port = listener.local_addr().unwrap().port();
            assert_eq!(listeners(port).unwrap(), [std::process::id()]);
            drop(listener);
            let error = listeners(port).unwrap_err().to_string();
            assert!(error.contains("no socket"), "{error}");
        }
    }

    #[test]
    fn reads_listening_sockets_only() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n   \
             1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0 20 4 30 10 -1\n   \
             2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4244 1 0 100 0 0 10 0\n";
        assert_eq!(listening(table, 8080).collect::<Vec<_>>(), [4242]);
        assert_eq!(socket_inode("socket:[77]"), Some(77));
        assert_eq!(socket_inode("pipe:[77]"), None);
    }

    proptest! {
        #[test]
        fn any_table_is_read(text: String, port: u16) {
            let _ = (listening(&text, port).count(), socket_inode(&text));
        }
    }
}
