//! CPU and memory used by the processes of a group, for boxes without a control group.

use std::cell::OnceCell;
use std::fs;
use std::io;
use std::time::Duration;

use crate::boxes::cgroup::Usage;

/// Returns the usage of the processes of a process group and of the children they have reaped. `None` if
/// the group has no live process.
///
/// CPU time is counted in clock ticks, usually 10 ms, from `/proc/PID/stat` (proc(5)). Memory is the
/// proportional set size if readable, otherwise the resident set size.
pub(crate) fn of_group(group: u32) -> Option<Usage> {
    let memory = |pid, stat: &Stat| memory_bytes(pid).unwrap_or(stat.resident_bytes);
    Processes::default().usage(group, memory)
}

/// Processes of the machine, read at the first use.
#[derive(Default)]
pub(crate) struct Processes(OnceCell<Vec<(u32, Stat)>>);

impl Processes {
    /// Returns the usage as [`of_group`] does, with the resident set size, which costs far less to read.
    pub(crate) fn resident(&self, group: u32) -> Option<Usage> {
        self.usage(group, |_, stat| stat.resident_bytes)
    }

    fn usage(&self, group: u32, memory: impl Fn(u32, &Stat) -> u64) -> Option<Usage> {
        let mut usage = Usage::default();
        let mut found = false;
        let all = self.0.get_or_init(|| read_all().unwrap_or_default());
        for (pid, stat) in all.iter().filter(|(_, stat)| stat.group == group) {
            // A zombie has used CPU, but no longer counts as a live process.
            found |= !stat.has_ended;
            usage.cpu += stat.cpu;
            usage.memory_bytes += memory(*pid, stat);
        }
        found.then_some(usage)
    }
}

fn read_all() -> io::Result<Vec<(u32, Stat)>> {
    let entries = fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(|pid| Some((pid, Stat::of(pid)?))).collect())
}

/// Returns whether a process was stopped by a signal, as by SIGSTOP, or by a debugger.
pub(crate) fn is_stopped(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|line| {
            Some(
                line.rsplit_once(')')?
                    .1
                    .trim_start()
                    .starts_with(['T', 't']),
            )
        })
        .unwrap_or(false)
}

struct Stat {
    has_ended: bool,
    group: u32,
    cpu: Duration,
    resident_bytes: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses a line of `/proc/PID/stat`. The name, in parentheses, may contain any character.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        // `fields[0]` is field 3, the state.
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = field(14)? + field(15)? + field(16)? + field(17)?;
        let a_second = rustix::param::clock_ticks_per_second().max(1);
        Some(Self {
            has_ended: matches!(fields.first(), Some(&("Z" | "X"))),
            group: u32::try_from(field(5)?).ok()?,
            cpu: Duration::from_secs_f64(ticks as f64 / a_second as f64),
            resident_bytes: field(24)? * rustix::param::page_size() as u64,
        })
    }
}

fn memory_bytes(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use super::*;

    #[test]
    fn reads_stat_with_any_process_name() {
        let line = "42 (a) b (c)) S 1 77 77 0 -1 4194304 10 0 0 0 200 100 50 50 20 0 3 0 900 1000000 25 18446744073709551615";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.group, 77);
        let ticks = stat.cpu.as_secs_f64() * rustix::param::clock_ticks_per_second() as f64;
        assert!((ticks - 400.0).abs() < 1e-6, "{ticks}");
        assert_eq!(stat.resident_bytes, 25 * rustix::param::page_size() as u64);
        assert!(Stat::parse("42 (sh) S 1").is_none());
    }

    #[test]
    fn sums_all_processes_of_group() {
        let mut child = Command::new("sh")
            .args(["-c", "(while :; do :; done) & while :; do :; done"])
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        let used = loop {
            let used = of_group(child.id()).unwrap();
            if used.cpu > Duration::from_millis(300) || began.elapsed() > Duration::from_secs(20) {
                break used;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let resident = Processes::default().resident(child.id()).unwrap();
        let group = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(used.cpu > Duration::from_millis(300), "{used:?}");
        assert!(used.memory_bytes > 100_000, "{used:?}");
        assert!(resident.memory_bytes >= used.memory_bytes, "{resident:?}");
        assert!(resident.cpu >= used.cpu, "{resident:?}");
        // The process that adopted the child takes a moment to reap it.
        let deadline = Instant::now() + Duration::from_secs(10);
        while of_group(child.id()).is_some() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
