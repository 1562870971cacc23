//! What processes have used, where no control group counts it.

use std::fs;
use std::time::Duration;

use crate::boxes::cgroup::Usage;

/// Returns what the processes of a group have used, and the children that they waited for; none where there
/// are none.
///
/// Processor time is in clock ticks (of 10 ms on most systems), as `/proc/PID/stat` has it (proc(5)); memory is
/// each process' proportional share (`Pss`) where that can be read, else what it holds in memory.
pub(crate) fn of_group(group: u32) -> Option<Usage> {
    let mut usage = Usage::default();
    let mut found = false;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Some(stat) = Stat::of(pid).filter(|stat| stat.group == group) else {
            continue;
        };
        // One that has ended and was not waited for has used what it has, and is no process any more.
        found |= !stat.has_ended;
        usage.cpu += stat.cpu;
        usage.memory_bytes += memory_bytes(pid).unwrap_or(stat.resident_bytes);
    }
    found.then_some(usage)
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

    /// Reads a line of `/proc/PID/stat`. The name, in parentheses, may hold anything.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        // The first of these is the third field, the state.
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
    fn a_line_is_read_whatever_the_process_is_called() {
        let line = "42 (a) b (c)) S 1 77 77 0 -1 4194304 10 0 0 0 200 100 50 50 20 0 3 0 900 1000000 25 18446744073709551615";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat.group, 77);
        let ticks = stat.cpu.as_secs_f64() * rustix::param::clock_ticks_per_second() as f64;
        assert!((ticks - 400.0).abs() < 1e-6, "{ticks}");
        assert_eq!(stat.resident_bytes, 25 * rustix::param::page_size() as u64);
        assert!(Stat::parse("42 (sh) S 1").is_none());
    }

    #[test]
    fn a_group_is_all_of_its_processes() {
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
        let group = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(used.cpu > Duration::from_millis(300), "{used:?}");
        assert!(used.memory_bytes > 100_000, "{used:?}");
        // Whoever adopted its child takes a moment to wait for it.
        let deadline = Instant::now() + Duration::from_secs(10);
        while of_group(child.id()).is_some() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
