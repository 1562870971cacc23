//! CPU time and memory of a process and its descendants.
//!
//! Formats: proc_pid_schedstat in the kernel's `sched-stats.rst`, proc_pid_stat(5),
//! proc_pid_status(5).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// CPU time of a process tree at one moment. The difference of two stamps is the time in between.
#[derive(Debug, Clone, Default)]
pub struct CpuStamp {
    /// CPU time of each living thread, in nanoseconds.
    threads: BTreeMap<(u32, u32), u64>,
    /// User and system time of all processes, including ended threads and children, in whole clock ticks.
    total: Duration,
    /// Rounding error of `total`.
    error: Duration,
}

/// Largest rounding error of the difference of two totals of a process, in clock ticks: each total is the sum of two figures
/// that were rounded down.
const ROUNDING_TICKS_MAX: u32 = 4;

impl CpuStamp {
    /// Reads the CPU time of a process and its descendants.
    pub fn of(root: u32) -> Self {
        let mut stamp = Self::default();
        for process in tree(root) {
            // The time of an ended child counts for its parent.
            stamp.total += cpu_in_ticks(process);
            stamp.error += tick() * ROUNDING_TICKS_MAX;
            for thread in numbers_in(&format!("/proc/{process}/task")) {
                let path = format!("/proc/{process}/task/{thread}/schedstat");
                let ns = fs::read_to_string(path).ok().as_deref().and_then(thread_ns);
                stamp.threads.insert((process, thread), ns.unwrap_or(0));
            }
        }
        stamp
    }

    /// Returns the CPU time since an earlier stamp.
    ///
    /// Exact if no thread has ended in between. Otherwise in whole clock ticks, because the exact figure of a thread is lost
    /// when it ends. This includes threads and children that started in between, once their time exceeds the rounding
    /// error.
    pub fn since(&self, earlier: &CpuStamp) -> Duration {
        let total = self.total.saturating_sub(earlier.total);
        if earlier
            .threads
            .keys()
            .all(|thread| self.threads.contains_key(thread))
        {
            let sum = |stamp: &CpuStamp| stamp.threads.values().sum::<u64>();
            let exact = Duration::from_nanos(sum(self).saturating_sub(sum(earlier)));
            if total <= exact + self.error.max(earlier.error) {
                return exact;
            }
        }
        total
    }
}

/// Returns the CPU time of a process and of the children that it has waited for, in whole clock ticks. The process may have
/// ended, as long as it was not reaped.
pub fn whole_cpu(process: u32) -> Duration {
    cpu_in_ticks(process)
}

/// Peak memory of a process and its descendants.
#[derive(Debug, Clone, Default)]
pub struct MemoryWatch {
    peaks: BTreeMap<u32, u64>,
}

impl MemoryWatch {
    /// Reads the memory now. Returns the resident memory, in bytes.
    pub fn look(&mut self, root: u32) -> u64 {
        let mut resident = 0;
        for process in tree(root) {
            // The process may have ended just now.
            let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) else {
                continue;
            };
            resident += status_bytes(&status, "VmRSS").unwrap_or(0);
            if let Some(peak) = status_bytes(&status, "VmHWM") {
                let known = self.peaks.entry(process).or_default();
                *known = peak.max(*known);
            }
        }
        resident
    }

    /// Sum of the peaks of resident memory of all processes, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.peaks.values().sum()
    }
}

/// Returns a process and its descendants.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&process) = found.get(next) {
        next += 1;
        for thread in numbers_in(&format!("/proc/{process}/task")) {
            let children = fs::read_to_string(format!("/proc/{process}/task/{thread}/children"));
            let children = children.unwrap_or_default();
            found.extend(
                children
                    .split_ascii_whitespace()
                    .filter_map(|n| n.parse::<u32>().ok()),
            );
        }
    }
    found
}

fn numbers_in(directory: &str) -> Vec<u32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn cpu_in_ticks(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let ticks = stat_ticks(&stat).unwrap_or(0);
    Duration::from_secs_f64(ticks as f64 * tick().as_secs_f64())
}

fn tick() -> Duration {
    Duration::from_secs(1)
        / u32::try_from(rustix::param::clock_ticks_per_second().max(1)).unwrap_or(100)
}

/// Parses the CPU time of a thread from its `schedstat`, in nanoseconds.
fn thread_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// Parses user and system time from `/proc/PID/stat`, children included, in clock ticks.
fn stat_ticks(stat: &str) -> Option<u64> {
    // The second field is the name in parentheses, which may contain anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    // The manual page numbers fields from 1, and the first after the name is 3.
    (14..=17).try_fold(0_u64, |sum, number| {
        Some(sum.saturating_add(fields.get(number - 3)?.parse().ok()?))
    })
}

/// Parses one field of `/proc/PID/status`, in bytes.
fn status_bytes(status: &str, name: &str) -> Option<u64> {
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_files_of_the_kernel() {
        assert_eq!(thread_ns("123456789 42 7\n"), Some(123_456_789));
        let stat = "4242 (a) R (b)) S 1 4242 4242 0 -1 4194304 900 0 0 0 123 45 6 7 20 0 9 0";
        assert_eq!(stat_ticks(stat), Some(181));
        let status = "VmPeak:\t  900 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(status_bytes(status, "VmHWM"), Some(2 << 20));
        assert_eq!(status_bytes(status, "VmSwap"), None);
    }

    #[test]
    fn measures_work_and_memory() {
        let own = std::process::id();
        let before = CpuStamp::of(own);
        let (started, mut sum) = (Instant::now(), 0_u64);
        while started.elapsed() < Duration::from_millis(50) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(CpuStamp::of(own).since(&before) > Duration::from_millis(5));
        let mut memory = MemoryWatch::default();
        assert!(memory.look(own) > 1 << 20);
        assert!(memory.peak_bytes() > 1 << 20);
    }

    #[test]
    fn counts_children_that_ended_in_between() {
        let own = std::process::id();
        let before = CpuStamp::of(own);
        let burning = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let shell = std::process::Command::new("sh")
            .args(["-c", burning])
            .status();
        assert!(shell.unwrap().success());
        let used = whole_cpu(own);
        let counted = CpuStamp::of(own).since(&before);
        assert!(
            counted + Duration::from_millis(80) > used,
            "{counted:?} of {used:?}"
        );
    }

    #[test]
    fn ended_thread_makes_the_difference_coarse() {
        let stamp = |threads: &[(u32, u64)], total_ms| CpuStamp {
            threads: threads.iter().map(|(id, ns)| ((1, *id), *ns)).collect(),
            total: Duration::from_millis(total_ms),
            error: Duration::from_millis(40),
        };
        let earlier = stamp(&[(1, 1_000), (2, 5_000)], 100);
        let exact = stamp(&[(1, 3_000), (2, 9_000), (3, 500)], 110);
        assert_eq!(exact.since(&earlier), Duration::from_nanos(6_500));
        let one_ended = stamp(&[(1, 3_000)], 150);
        assert_eq!(one_ended.since(&earlier), Duration::from_millis(50));
        let short_lived = stamp(&[(1, 3_000), (2, 9_000)], 200);
        assert_eq!(short_lived.since(&earlier), Duration::from_millis(100));
        assert_eq!(CpuStamp::default().since(&earlier), Duration::ZERO);
    }

    #[test]
    fn tree_contains_children() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let found = tree(std::process::id()).contains(&child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(text in "\\PC*|[0-9]+ \\(.*\\) [0-9 S]*|VmHWM:[ 0-9kB]*") {
            let _ = (thread_ns(&text), stat_ticks(&text), status_bytes(&text, "VmHWM"));
        }
    }
}
