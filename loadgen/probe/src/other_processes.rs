//! Other processes of this machine that use its processors, and whether the target is connected to them.
//!
//! Formats: proc_pid_stat(5), `/proc/PID/net/tcp` in proc_net(5).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Instant;

use tenfold_run_dir::host_timeline::OtherProcess;

use crate::procfs;

/// Processes that are kept.
const PROCESSES_MAX: usize = 5;

/// Cores in use from which a process is kept.
const CORES_MIN: f64 = 0.05;

/// Open files of a process that are looked at: a look must not take long.
const FILES_MAX: usize = 4_096;

/// State of an established connection.
const ESTABLISHED: &str = "01";

/// Beginning of an IPv4 address in the table of IPv6.
const MAPPED: &str = "0000000000000000FFFF0000";

/// Other processes, from the first look on.
#[derive(Debug)]
pub(crate) struct OtherProcesses {
    began: Instant,
    /// CPU time at the first look, in clock ticks, by process id.
    before: BTreeMap<u32, u64>,
    /// Processes that the target was seen connected to.
    peers: BTreeSet<u32>,
}

/// Ends of an established TCP connection, and the inode of its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Connection {
    local: String,
    remote: String,
    inode: u64,
}

impl OtherProcesses {
    /// Takes the first look.
    pub(crate) fn look() -> Self {
        Self {
            began: Instant::now(),
            before: all().into_iter().map(|(id, own)| (id, own.1)).collect(),
            peers: BTreeSet::new(),
        }
    }

    /// Returns the processes that used most CPU since the first look, the busiest first, without this one and those of `target`.
    pub(crate) fn since(
        &mut self,
        target: &BTreeSet<u32>,
        ticks_per_second: f64,
    ) -> Vec<OtherProcess> {
        let seconds = self.began.elapsed().as_secs_f64().max(1e-9);
        let own = std::process::id();
        let others = all()
            .into_iter()
            .filter(|(id, _)| *id != own && !target.contains(id));
        let mut used: Vec<(u32, String, f64)> = others
            .map(|(id, (name, ticks))| {
                let before = self.before.get(&id).copied().unwrap_or(0);
                let cores = ticks.saturating_sub(before) as f64 / ticks_per_second / seconds;
                (id, name, cores)
            })
            .filter(|(_, _, cores)| *cores >= CORES_MIN)
            .collect();
        used.sort_by(|one, other| other.2.total_cmp(&one.2));
        used.truncate(PROCESSES_MAX);
        let unknown = used
            .iter()
            .map(|own| own.0)
            .filter(|id| !self.peers.contains(id));
        let found = connected(target, unknown.collect());
        self.peers.extend(found);
        let kept = used.into_iter().map(|(id, name, cores)| OtherProcess {
            name,
            cores_used: cores,
            is_peer: self.peers.contains(&id),
        });
        kept.collect()
    }
}

/// Returns the name and the CPU time of each process, in clock ticks.
fn all() -> BTreeMap<u32, (String, u64)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let read = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let ticks = procfs::process_stat(&stat)?.cpu_ticks;
        Some((id, (procfs::process_name(&stat)?.to_owned(), ticks)))
    };
    ids.filter_map(read).collect()
}

/// Returns those of `others` that have a TCP connection with a process of `target`.
fn connected(target: &BTreeSet<u32>, others: Vec<u32>) -> Vec<u32> {
    let Some(first) = target.first().filter(|_| !others.is_empty()) else {
        return Vec::new();
    };
    // Its network may be another one than that of this process.
    let tables =
        ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{first}/net/{name}")));
    let tables: Vec<String> = tables.into_iter().flatten().collect();
    let connections: Vec<Connection> = tables.iter().flat_map(|text| established(text)).collect();
    let own: BTreeSet<u64> = target.iter().flat_map(|id| sockets(*id)).collect();
    let is_peer = |id: &u32| has_both_ends(&connections, &own, &sockets(*id));
    others.into_iter().filter(is_peer).collect()
}

/// Returns whether a connection has one end among `own` sockets and the other one among `others`.
fn has_both_ends(connections: &[Connection], own: &BTreeSet<u64>, others: &BTreeSet<u64>) -> bool {
    let ends = connections.iter().filter(|end| own.contains(&end.inode));
    let ends: BTreeSet<(&str, &str)> = ends
        .map(|end| (end.local.as_str(), end.remote.as_str()))
        .collect();
    let mut other_ends = connections.iter().filter(|end| others.contains(&end.inode));
    other_ends.any(|end| ends.contains(&(end.remote.as_str(), end.local.as_str())))
}

/// Returns the inodes of the sockets of a process. Empty if they may not be read.
fn sockets(process: u32) -> BTreeSet<u64> {
    let files = fs::read_dir(format!("/proc/{process}/fd"));
    let files = files.into_iter().flatten().flatten().take(FILES_MAX);
    let inode = |path: std::path::PathBuf| {
        let target = fs::read_link(path).ok()?;
        let inode = target.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    };
    files.filter_map(|file| inode(file.path())).collect()
}

/// Parses the established connections of `/proc/net/tcp` or `tcp6`.
fn established(table: &str) -> Vec<Connection> {
    let plain = |address: &str| address.strip_prefix(MAPPED).unwrap_or(address).to_owned();
    let lines = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        if *fields.get(3)? != ESTABLISHED {
            return None;
        }
        Some(Connection {
            local: plain(fields[1]),
            remote: plain(fields[2]),
            inode: fields.get(9)?.parse().ok()?,
        })
    });
    lines.collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};
    use std::process::{Command, Stdio};

    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 11 1 0 20 4 30 10 -1\n   \
        1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 22 1 0 20 4 30 10 -1\n   \
        2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 33 1 0 20 4 30 10 -1\n";

    #[test]
    fn finds_both_ends_of_a_connection() {
        let connections = established(TABLE);
        assert_eq!(connections.len(), 2, "the listener is none");
        let of = |inode| BTreeSet::from([inode]);
        assert!(has_both_ends(&connections, &of(11), &of(22)));
        assert!(!has_both_ends(&connections, &of(11), &of(33)));
        assert!(!has_both_ends(&connections, &of(11), &of(11)));
    }

    #[test]
    fn addresses_of_both_tables_compare() {
        let mapped = TABLE.replace("0100007F:1F90", "0000000000000000FFFF00000100007F:1F90");
        assert_eq!(established(&mapped), established(TABLE));
    }

    #[test]
    fn finds_busy_peer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        let mut looks = OtherProcesses::look();
        // The socket is the standard input of a busy shell.
        let mut busy = Command::new("sh")
            .args([
                "-c",
                "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done >&0; sleep 60",
            ])
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(client)))
            .spawn()
            .unwrap();
        accepted.read_exact(&mut [0; 5]).unwrap();
        let target = BTreeSet::from([std::process::id()]);
        let found = looks.since(&target, f64::from(100));
        busy.kill().unwrap();
        busy.wait().unwrap();
        let is_found = found
            .iter()
            .any(|own| own.is_peer && own.cores_used >= CORES_MIN);
        assert!(is_found, "{found:?}");
    }

    proptest! {
        #[test]
        fn any_text_parses(text in "([0-9A-F: ]|\\PC|\n){0,300}") {
            let _ = established(&text);
        }
    }
}
