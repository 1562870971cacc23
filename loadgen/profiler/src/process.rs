//! Processes and threads of this machine, from `/proc`.
//!
//! Formats: proc_pid_stat(5), proc_pid_status(5), `sched-stats.rst` of the kernel.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

/// Most processes of a tree.
const PROCESSES_MAX: usize = 4096;

/// Returns whether the process exists.
pub(crate) fn exists(pid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok()
}

/// Processes to profile.
#[derive(Debug, Clone)]
pub(crate) struct ProcessSet {
    /// Roots of trees.
    pub(crate) roots: Vec<u32>,
    /// Processes that are left out with their descendants.
    pub(crate) excluded: Vec<u32>,
}

impl ProcessSet {
    /// The processes that exist now, parents first.
    pub(crate) fn tree(&self) -> Vec<u32> {
        tree_without(&self.roots, &self.excluded)
    }

    /// Returns whether all roots have ended.
    pub(crate) fn has_ended(&self) -> bool {
        !self.roots.iter().any(|pid| exists(*pid))
    }
}

/// Returns `roots` and their descendants, each once, parents first; at most 4,096 processes.
pub fn process_tree(roots: &[u32]) -> Vec<u32> {
    tree_without(roots, &[])
}

fn tree_without(roots: &[u32], excluded: &[u32]) -> Vec<u32> {
    let mut seen: HashSet<u32> = excluded.iter().copied().collect();
    let mut found: Vec<u32> = roots
        .iter()
        .copied()
        .filter(|pid| seen.insert(*pid))
        .collect();
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        next += 1;
        for tid in threads(pid) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{tid}/children"));
            for child in numbers(&children.unwrap_or_default()) {
                if found.len() < PROCESSES_MAX && seen.insert(child) {
                    found.push(child);
                }
            }
        }
    }
    found
}

/// Returns the threads of a process. Empty if it has ended.
pub(crate) fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"));
    let names = entries.into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Returns the name of a thread. Empty if it has ended.
pub(crate) fn thread_name(pid: u32, tid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm"))
        .unwrap_or_default()
        .trim_end()
        .to_owned()
}

/// CPU time and run-queue time of a thread, from `schedstat`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SchedStat {
    /// Time on a CPU, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Time runnable without a CPU, in nanoseconds.
    pub(crate) run_queue_ns: u64,
}

/// Reads the times of a thread. `None` if it has ended, or the kernel does not count.
pub(crate) fn sched_stat(pid: u32, tid: u32) -> Option<SchedStat> {
    parse_sched_stat(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?)
}

fn parse_sched_stat(text: &str) -> Option<SchedStat> {
    let mut fields = text.split_ascii_whitespace();
    Some(SchedStat {
        cpu_ns: fields.next()?.parse().ok()?,
        run_queue_ns: fields.next()?.parse().ok()?,
    })
}

/// State of a thread: the letter of proc_pid_stat(5).
pub(crate) fn state(pid: u32, tid: u32) -> Option<char> {
    parse_state(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/stat")).ok()?)
}

fn parse_state(stat: &str) -> Option<char> {
    // The name before may hold spaces and parentheses.
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// User and system time of a process with its ended threads, in whole clock ticks. Zero if it was reaped.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let ticks = parse_cpu_ticks(&stat).unwrap_or(0);
    let hz = rustix::param::clock_ticks_per_second().max(1);
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / hz))
}

fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user.saturating_add(system))
}

/// Kernel function that a thread waits in. `None` if it runs, has ended, or the kernel does not show it.
pub(crate) fn wait_channel(pid: u32, tid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/task/{tid}/wchan")).ok()?;
    let name = name.trim();
    (!name.is_empty() && name != "0").then(|| name.to_owned())
}

/// Context switches of a thread since its start, voluntary and involuntary.
pub(crate) fn context_switches(pid: u32, tid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status"));
    parse_context_switches(&status.unwrap_or_default())
}

fn parse_context_switches(status: &str) -> u64 {
    status
        .lines()
        .filter_map(|line| line.split_once("voluntary_ctxt_switches:"))
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
        .fold(0, u64::saturating_add)
}

/// Id of a process in its own PID namespace.
pub(crate) fn pid_in_namespace(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    own.and_then(|ids| ids.split_ascii_whitespace().last()?.parse().ok())
        .unwrap_or(pid)
}

/// CPUs that are online.
pub(crate) fn cpus_online() -> Vec<usize> {
    let list = fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let cpus = parse_cpu_list(&list);
    if cpus.is_empty() { vec![0] } else { cpus }
}

fn parse_cpu_list(list: &str) -> Vec<usize> {
    /// Most CPUs of a Linux machine.
    const CPUS_MAX: usize = 8192;
    let mut cpus = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) {
            cpus.extend((first..=last.min(CPUS_MAX)).take(CPUS_MAX));
        }
    }
    cpus
}

fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.split_ascii_whitespace().filter_map(|n| n.parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_itself() {
        let own = std::process::id();
        assert!(exists(own));
        assert!(!exists(u32::MAX));
        assert_eq!(process_tree(&[own, own])[0], own);
        let without = |excluded: &[u32]| ProcessSet {
            roots: vec![own],
            excluded: excluded.to_vec(),
        };
        assert_eq!(without(&[]).tree()[0], own);
        assert!(without(&[own]).tree().is_empty());
        assert!(!without(&[own]).has_ended());
        assert!(threads(own).contains(&own));
        assert!(threads(u32::MAX).is_empty());
        assert_eq!(pid_in_namespace(u32::MAX), u32::MAX);
        assert!(state(own, own).is_some());
        assert!(!thread_name(own, own).is_empty());
        assert!(!cpus_online().is_empty());
    }

    #[test]
    fn reads_formats_of_proc() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 4 5 20 0 1 0 100 1 1";
        assert_eq!(parse_state(stat), Some('S'));
        assert_eq!(parse_cpu_ticks(stat), Some(42));
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t150\nnonvoluntary_ctxt_switches:\t545\n";
        assert_eq!(parse_context_switches(status), 695);
        assert_eq!(
            parse_sched_stat("123 45 6\n"),
            Some(SchedStat {
                cpu_ns: 123,
                run_queue_ns: 45
            })
        );
        assert_eq!(parse_cpu_list("0-2,5\n"), [0, 1, 2, 5]);
        assert!(parse_cpu_list("").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = (parse_state(&text), parse_cpu_ticks(&text), parse_sched_stat(&text));
            let _ = (parse_context_switches(&text), parse_cpu_list(&text).len());
        }
    }
}
