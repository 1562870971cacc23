//! What a process and its descendants have used: processor time and memory.
//!
//! Formats: proc_pid_schedstat in the kernel's `sched-stats.rst`, proc_pid_stat(5),
//! proc_pid_status(5).

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// Processor time at one moment, to be subtracted from that at a later one.
#[derive(Debug, Clone, Default)]
pub struct CpuStamp {
    /// What each thread that lives has run, in nanoseconds.
    threads: BTreeMap<(u32, u32), u64>,
    /// User and system time of the processes, threads and children that have ended included, to a clock
    /// tick.
    total: Duration,
    /// How far that may be off.
    doubt: Duration,
}

/// Clock ticks by which the difference of two totals of a process may be off: each is the sum of two figures
/// that were rounded down.
const ROUNDED: u32 = 4;

impl CpuStamp {
    /// Reads it for a process and its descendants.
    pub fn of(root: u32) -> Self {
        let mut stamp = Self::default();
        for process in tree(root) {
            // What a child that has ended had run is its parent's from then on.
            stamp.total += cpu_to_a_tick(process, true);
            stamp.doubt += tick() * ROUNDED;
            for thread in numbers_in(&format!("/proc/{process}/task")) {
                let path = format!("/proc/{process}/task/{thread}/schedstat");
                let ran = fs::read_to_string(path).ok().as_deref().and_then(ran_ns);
                stamp.threads.insert((process, thread), ran.unwrap_or(0));
            }
        }
        stamp
    }

    /// Returns the processor time since an earlier stamp.
    ///
    /// Exact where no thread has ended since; else to a clock tick, for a thread that ends takes its exact
    /// figure with it. That goes for threads and children that came and went in between, too, once what they
    /// ran is more than rounding.
    pub fn since(&self, earlier: &CpuStamp) -> Duration {
        let total = self.total.saturating_sub(earlier.total);
        if earlier
            .threads
            .keys()
            .all(|thread| self.threads.contains_key(thread))
        {
            let sum = |stamp: &CpuStamp| stamp.threads.values().sum::<u64>();
            let exact = Duration::from_nanos(sum(self).saturating_sub(sum(earlier)));
            if total <= exact + self.doubt.max(earlier.doubt) {
                return exact;
            }
        }
        total
    }
}

/// Returns user and system time of a process and those of its children that it has waited for, to a
/// clock tick; also of one that has ended and was not waited for.
pub fn whole_cpu(process: u32) -> Duration {
    cpu_to_a_tick(process, true)
}

/// The memory of a process and its descendants, over their lives.
#[derive(Debug, Clone, Default)]
pub struct MemoryWatch {
    peaks: BTreeMap<u32, u64>,
}

impl MemoryWatch {
    /// Looks once; returns what is resident now, in bytes.
    pub fn look(&mut self, root: u32) -> u64 {
        let mut resident = 0;
        for process in tree(root) {
            // It may have ended just now, and then has no memory to tell of.
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

    /// The sum of the processes' peaks of resident memory, in bytes.
    pub fn peak_bytes(&self) -> u64 {
        self.peaks.values().sum()
    }
}

/// A process and its descendants.
fn tree(root: u32) -> Vec<u32> {
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

fn cpu_to_a_tick(process: u32, with_children: bool) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let ticks = stat_ticks(&stat, with_children).unwrap_or(0);
    Duration::from_secs_f64(ticks as f64 * tick().as_secs_f64())
}

fn tick() -> Duration {
    Duration::from_secs(1)
        / u32::try_from(rustix::param::clock_ticks_per_second().max(1)).unwrap_or(100)
}

/// Parses what a thread has run from its `schedstat`, in nanoseconds.
fn ran_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_ascii_whitespace().next()?.parse().ok()
}

/// Parses user and system time from `/proc/PID/stat`, in clock ticks.
fn stat_ticks(stat: &str, with_children: bool) -> Option<u64> {
    // The second field is the program's name in parentheses, and may hold anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let last = if with_children { 17 } else { 15 };
    // Numbered from 1 in the manual page, where the first after the name is 3.
    (14..=last).try_fold(0_u64, |sum, number| {
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
    fn the_texts_of_the_kernel_are_read() {
        assert_eq!(ran_ns("123456789 42 7\n"), Some(123_456_789));
        let stat = "4242 (a) R (b)) S 1 4242 4242 0 -1 4194304 900 0 0 0 123 45 6 7 20 0 9 0";
        assert_eq!(stat_ticks(stat, false), Some(168));
        assert_eq!(stat_ticks(stat, true), Some(181));
        let status = "VmPeak:\t  900 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(status_bytes(status, "VmHWM"), Some(2 << 20));
        assert_eq!(status_bytes(status, "VmSwap"), None);
    }

    #[test]
    fn work_and_memory_show() {
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
    fn what_came_and_went_in_between_counts() {
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
    fn a_thread_that_ended_takes_its_exact_figure_along() {
        let stamp = |threads: &[(u32, u64)], total_ms| CpuStamp {
            threads: threads.iter().map(|(id, ns)| ((1, *id), *ns)).collect(),
            total: Duration::from_millis(total_ms),
            doubt: Duration::from_millis(40),
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
    fn children_belong_to_the_tree() {
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
        fn anything_is_read_or_refused(text in "\\PC*|[0-9]+ \\(.*\\) [0-9 S]*|VmHWM:[ 0-9kB]*") {
            let _ = (ran_ns(&text), stat_ticks(&text, true), status_bytes(&text, "VmHWM"));
        }
    }
}
