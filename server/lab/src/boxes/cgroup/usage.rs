//! CPU and memory usage of a control group.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// CPU and memory usage of a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time used.
    pub cpu: Duration,
    /// Total time that its threads were throttled.
    pub throttled: Duration,
    /// Number of scheduling periods in which it was runnable.
    pub periods: u64,
    /// Number of those periods in which it was throttled.
    pub periods_throttled: u64,
    /// Current memory in bytes, without reclaimable file cache.
    pub memory_bytes: u64,
    /// Number of its processes that the kernel killed for lack of memory.
    pub killed_for_memory: u64,
}

impl Usage {
    /// Adds the usage of the next life of the same box. Memory is that of the later one.
    pub(crate) fn then(self, later: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(later.cpu),
            throttled: self.throttled.saturating_add(later.throttled),
            periods: self.periods.saturating_add(later.periods),
            periods_throttled: self
                .periods_throttled
                .saturating_add(later.periods_throttled),
            memory_bytes: later.memory_bytes,
            killed_for_memory: self
                .killed_for_memory
                .saturating_add(later.killed_for_memory),
        }
    }

    /// Reads the files of version 1.
    pub(super) fn of_v1(read: impl Fn(&str) -> Option<String>) -> Self {
        let (cpu, memory) = (read("cpu.stat"), read("memory.stat"));
        let used = number(read("memory.usage_in_bytes").as_deref());
        Self {
            cpu: Duration::from_nanos(number(read("cpuacct.usage").as_deref())),
            throttled: Duration::from_nanos(field(cpu.as_deref(), "throttled_time")),
            periods: field(cpu.as_deref(), "nr_periods"),
            periods_throttled: field(cpu.as_deref(), "nr_throttled"),
            memory_bytes: used.saturating_sub(field(memory.as_deref(), "total_inactive_file")),
            killed_for_memory: field(read("memory.oom_control").as_deref(), "oom_kill"),
        }
    }

    /// Reads the files of version 2.
    pub(super) fn of_v2(read: impl Fn(&str) -> Option<String>) -> Self {
        let (cpu, memory) = (read("cpu.stat"), read("memory.stat"));
        let used = number(read("memory.current").as_deref());
        Self {
            cpu: Duration::from_micros(field(cpu.as_deref(), "usage_usec")),
            throttled: Duration::from_micros(field(cpu.as_deref(), "throttled_usec")),
            periods: field(cpu.as_deref(), "nr_periods"),
            periods_throttled: field(cpu.as_deref(), "nr_throttled"),
            memory_bytes: used.saturating_sub(field(memory.as_deref(), "inactive_file")),
            killed_for_memory: field(read("memory.events").as_deref(), "oom_kill"),
        }
    }
}

/// Parses a file that holds one number; 0 if it is missing.
fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Parses the number after a name at the start of a line; 0 if it is missing.
fn field(text: Option<&str>, name: &str) -> u64 {
    let mut lines = text.unwrap_or_default().lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    number(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_versions() {
        let v1 = |file: &str| {
            let text = match file {
                "cpu.stat" => "nr_periods 120\nnr_throttled 30\nthrottled_time 250000000\n",
                "cpuacct.usage" => "1500000000\n",
                "memory.usage_in_bytes" => "1048576\n",
                "memory.stat" => "cache 5\ntotal_inactive_file 48576\n",
                "memory.oom_control" => "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let v2 = |file: &str| {
            let text = match file {
                "cpu.stat" => {
                    "usage_usec 1500000\nuser_usec 1\nnr_periods 120\nnr_throttled 30\n\
                     throttled_usec 250000\n"
                }
                "memory.current" => "1048576\n",
                "memory.stat" => "anon 5\ninactive_file 48576\n",
                "memory.events" => "max 9\noom 3\noom_kill 2\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let usage = Usage {
            cpu: Duration::from_millis(1_500),
            throttled: Duration::from_millis(250),
            periods: 120,
            periods_throttled: 30,
            memory_bytes: 1_000_000,
            killed_for_memory: 2,
        };
        assert_eq!(Usage::of_v1(v1), usage);
        assert_eq!(Usage::of_v2(v2), usage);
        assert_eq!(Usage::of_v2(|_| None), Usage::default());
    }
}
