//! Counters of the machine besides CPU: run queue, memory, page faults, disks, network.
//!
//! Formats: proc_stat(5), proc_vmstat(5), proc_meminfo(5), proc_net(5); `/proc/diskstats` is in the kernel's
//! `Documentation/admin-guide/iostats.rst`.

use std::fs::File;
use std::time::Duration;

use tenfold_run_dir::host_timeline::HostResources;

use crate::host_sampler::reread;
use crate::procfs;

/// Bytes of a sector in `/proc/diskstats`, regardless of the disk.
const SECTOR_BYTES: u64 = 512;

/// Files of `/proc` that stay open, so that a reading costs no path look-up. `None` if the system does not have it.
pub(crate) struct HostCounters {
    meminfo: Option<File>,
    vmstat: Option<File>,
    diskstats: Option<File>,
    net_dev: Option<File>,
    netstat: Option<File>,
    snmp: Option<File>,
}

/// Counters at one moment. `None` if the system does not report one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HostReading {
    runnable: Option<u64>,
    memory_available_bytes: Option<u64>,
    major_faults: Option<u64>,
    disk: Option<DiskReading>,
    network_bytes: Option<u64>,
    listen_overflows: Option<u64>,
    retransmits: Option<u64>,
}

/// Sums over the disks of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct DiskReading {
    read_bytes: u64,
    written_bytes: u64,
    /// Time with an operation in progress, by disk, in milliseconds.
    busy_ms: Vec<(String, u64)>,
}

impl HostCounters {
    pub(crate) fn open() -> Self {
        let open = |name: &str| File::open(format!("/proc/{name}")).ok();
        Self {
            meminfo: open("meminfo"),
            vmstat: open("vmstat"),
            diskstats: open("diskstats"),
            net_dev: open("net/dev"),
            netstat: open("net/netstat"),
            snmp: open("net/snmp"),
        }
    }

    /// Reads all counters. `stat` is the text of `/proc/stat`, which the caller has read.
    pub(crate) fn read(&mut self, stat: Option<&str>, text: &mut String) -> HostReading {
        fn of<T>(
            file: &mut Option<File>,
            text: &mut String,
            parse: impl Fn(&str) -> Option<T>,
        ) -> Option<T> {
            reread(file.as_mut()?, text).and_then(parse)
        }
        HostReading {
            runnable: stat.and_then(|stat| named(stat, "procs_running")),
            memory_available_bytes: of(&mut self.meminfo, text, |text| {
                procfs::memory_bytes(text, "MemAvailable")
            }),
            major_faults: of(&mut self.vmstat, text, |text| named(text, "pgmajfault")),
            disk: of(&mut self.diskstats, text, disks),
            network_bytes: of(&mut self.net_dev, text, network_bytes),
            listen_overflows: of(&mut self.netstat, text, |text| {
                tabled(text, "TcpExt", "ListenOverflows")
            }),
            retransmits: of(&mut self.snmp, text, |text| {
                tabled(text, "Tcp", "RetransSegs")
            }),
        }
    }
}

impl HostReading {
    /// Returns the use of resources since an earlier reading.
    pub(crate) fn since(&self, before: &Self, duration: Duration) -> HostResources {
        let grown = |of: fn(&Self) -> Option<u64>| {
            // Counters can step back when a virtual machine migrates.
            Some(of(self)?.saturating_sub(of(before)?))
        };
        let disk = self.disk.as_ref().zip(before.disk.as_ref());
        HostResources {
            // The sampler itself runs.
            runnable: self.runnable.map(|running| running.saturating_sub(1)),
            memory_available_bytes: self.memory_available_bytes,
            major_faults: grown(|own| own.major_faults),
            disk_read_bytes: disk
                .map(|(after, before)| after.read_bytes.saturating_sub(before.read_bytes)),
            disk_written_bytes: disk
                .map(|(after, before)| after.written_bytes.saturating_sub(before.written_bytes)),
            disk_busy: disk.map(|(after, before)| after.busiest(before, duration)),
            network_bytes: grown(|own| own.network_bytes),
            listen_overflows: grown(|own| own.listen_overflows),
            retransmits: grown(|own| own.retransmits),
        }
    }
}

impl DiskReading {
    /// Share of the time in which the busiest disk had an operation in progress.
    fn busiest(&self, before: &Self, duration: Duration) -> f64 {
        let busy = self.busy_ms.iter().filter_map(|(name, after)| {
            let (_, before) = before.busy_ms.iter().find(|(own, _)| own == name)?;
            Some(after.saturating_sub(*before))
        });
        let ms = busy.max().unwrap_or(0) as f64;
        (ms / 1e3 / duration.as_secs_f64().max(1e-9)).min(1.0)
    }
}

/// Returns the number after a name at the start of a line.
fn named(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

/// Returns a value of `/proc/net/netstat` or `/proc/net/snmp`: a line of names, then a line of values, both after `table:`.
fn tabled(text: &str, table: &str, name: &str) -> Option<u64> {
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(table)?.strip_prefix(": "));
    let names = lines.next()?.split_ascii_whitespace();
    let values = lines.next()?.split_ascii_whitespace();
    let (_, value) = names.zip(values).find(|(own, _)| *own == name)?;
    value.parse().ok()
}

/// Parses `/proc/diskstats`, without partitions and virtual devices, which would count twice.
fn disks(text: &str) -> Option<DiskReading> {
    let mut all = DiskReading::default();
    let mut names: Vec<&str> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let name = *fields.get(2)?;
        // Partitions follow their disk and begin with its name.
        let is_partition = names
            .iter()
            .any(|disk| name.len() > disk.len() && name.starts_with(disk));
        let is_virtual = ["loop", "ram", "zram", "dm-", "md", "sr"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if is_partition || is_virtual {
            continue;
        }
        names.push(name);
        let field = |number: usize| fields.get(number)?.parse::<u64>().ok();
        let bytes = |number: usize| field(number).unwrap_or(0).saturating_mul(SECTOR_BYTES);
        all.read_bytes = all.read_bytes.saturating_add(bytes(5));
        all.written_bytes = all.written_bytes.saturating_add(bytes(9));
        all.busy_ms.push((name.to_owned(), field(12)?));
    }
    (!all.busy_ms.is_empty()).then_some(all)
}

/// Parses `/proc/net/dev`: bytes received and sent by all interfaces, loopback included.
fn network_bytes(text: &str) -> Option<u64> {
    let interfaces = text.lines().filter_map(|line| {
        let (_, counters) = line.split_once(':')?;
        let fields: Vec<u64> = counters
            .split_ascii_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        Some(fields.first()?.saturating_add(*fields.get(8)?))
    });
    interfaces.reduce(u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_formats() {
        assert_eq!(
            named("a 1\nprocs_running 7\nprocs_blocked 1\n", "procs_running"),
            Some(7)
        );
        let netstat = "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 3 41\nIpExt: In\nIpExt: 1\n";
        assert_eq!(tabled(netstat, "TcpExt", "ListenOverflows"), Some(41));
        assert_eq!(tabled(netstat, "Tcp", "RetransSegs"), None);
        let dev = "Inter-| Receive\n face |bytes\n    lo: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n  eth0: 5 1 0 0 0 0 0 0 6 1 0\n";
        assert_eq!(network_bytes(dev), Some(41));
        let stats = " 253 0 vda 9 0 8 1 7 0 16 2 0 120 3\n 253 1 vda1 9 0 8 1 7 0 16 2 0 120 3\n 7 0 loop0 1 0 2 0 0 0 0 0 0 4 4\n";
        let disk = disks(stats).unwrap();
        assert_eq!((disk.read_bytes, disk.written_bytes), (8 * 512, 16 * 512));
        assert_eq!(disk.busy_ms, [("vda".to_owned(), 120)]);
    }

    #[test]
    fn reckons_use_since_an_earlier_reading() {
        let reading = |overflows, busy_ms| HostReading {
            runnable: Some(5),
            listen_overflows: Some(overflows),
            disk: Some(DiskReading {
                busy_ms: vec![("vda".to_owned(), busy_ms)],
                ..DiskReading::default()
            }),
            ..HostReading::default()
        };
        let used = reading(9, 700).since(&reading(4, 200), Duration::from_secs(1));
        assert_eq!((used.runnable, used.listen_overflows), (Some(4), Some(5)));
        assert_eq!((used.disk_busy, used.retransmits), (Some(0.5), None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_this_machine() {
        let mut text = String::new();
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let mut counters = HostCounters::open();
        let before = counters.read(Some(&stat), &mut text);
        let after = counters.read(Some(&stat), &mut text);
        let used = after.since(&before, Duration::from_secs(1));
        assert!(used.memory_available_bytes.unwrap() > 0);
        assert!(used.runnable.is_some() && used.major_faults.is_some());
        assert!(used.listen_overflows.is_some() && used.retransmits.is_some());
    }

    proptest! {
        #[test]
        fn any_text_is_harmless(text in ".{0,300}") {
            let _ = (named(&text, "a"), tabled(&text, "Tcp", "x"), disks(&text), network_bytes(&text));
        }
    }
}
