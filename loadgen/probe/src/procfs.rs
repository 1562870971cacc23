//! Parsers of `/proc`: pure functions of its text.
//!
//! Formats: proc_stat(5), proc_pid_stat(5), proc_pid_limits(5), proc_meminfo(5), proc_cpuinfo(5), proc_loadavg(5).

/// The machine's CPU time since it started, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuTicks {
    /// Time in use: user, nice, system, interrupts. User time includes that of guests.
    pub(crate) used: u64,
    /// Time that the host gave to other virtual machines.
    pub(crate) stolen: u64,
}

/// A process, as in `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    /// User and system time of all threads, including ended ones, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Page faults of all threads that had to read a disk.
    pub(crate) major_faults: u64,
    /// Resident memory, in pages.
    pub(crate) resident_pages: u64,
}

/// Parses the first line of `/proc/stat`.
pub(crate) fn cpu_ticks(stat: &str) -> Option<CpuTicks> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line
        .split_ascii_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, nice, system, _idle, ..] = fields[..] else {
        return None;
    };
    let field = |index: usize| fields.get(index).copied().unwrap_or(0);
    Some(CpuTicks {
        used: [user, nice, system, field(5), field(6)]
            .into_iter()
            .fold(0, u64::saturating_add),
        stolen: field(7),
    })
}

/// Parses `/proc/PID/stat`.
pub(crate) fn process_stat(stat: &str) -> Option<ProcessStat> {
    // The second field is the name in parentheses, which may contain anything.
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    // The manual page numbers fields from 1, and the first after the name is 3.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(ProcessStat {
        cpu_ticks: field(14)?.saturating_add(field(15)?),
        major_faults: field(12)?,
        resident_pages: field(24)?,
    })
}

/// Returns the name of a process from `/proc/PID/stat`.
pub(crate) fn process_name(stat: &str) -> Option<&str> {
    let (before, _) = stat.rsplit_once(')')?;
    Some(before.split_once('(')?.1)
}

/// Parses the number of files that a process may open, from `/proc/PID/limits`. `None` if it is unlimited.
pub(crate) fn open_files_max(limits: &str) -> Option<u64> {
    let mut lines = limits.lines();
    let values = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    values.split_ascii_whitespace().next()?.parse().ok()
}

/// Parses one field of `/proc/meminfo`, such as `MemTotal`, in bytes.
pub(crate) fn memory_bytes(meminfo: &str, name: &str) -> Option<u64> {
    let value = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = value.split_ascii_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Parses the model name of the processor from `/proc/cpuinfo`. The key depends on the architecture.
pub(crate) fn cpu_model(cpuinfo: &str) -> Option<String> {
    [
        "model name",
        "Model",
        "cpu model",
        "cpu",
        "Hardware",
        "uarch",
    ]
    .into_iter()
    .find_map(|name| {
        cpuinfo.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            (key.trim() == name && !value.is_empty()).then_some(value)
        })
    })
}

/// Parses the one-minute load average from `/proc/loadavg`.
pub(crate) fn load_1m(loadavg: &str) -> Option<f64> {
    loadavg.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_the_cpu_time_of_the_machine() {
        let stat = "cpu  100 20 30 4000 50 6 7 8 9 10\ncpu0 1 2 3 4\nintr 5\n";
        let expected = CpuTicks {
            used: 100 + 20 + 30 + 6 + 7,
            stolen: 8,
        };
        assert_eq!(cpu_ticks(stat), Some(expected));
        // Kernels before 2.6.11 do not report steal.
        assert_eq!(
            cpu_ticks("cpu 1 2 3 4\n"),
            Some(CpuTicks { used: 6, stolen: 0 })
        );
        assert_eq!(cpu_ticks("cpu0 1 2 3 4\n"), None);
        assert_eq!(cpu_ticks(""), None);
    }

    #[test]
    fn parses_a_process_with_any_name() {
        let stat = "4242 (a) R (b)) S 1 4242 4242 0 -1 4194304 900 0 3 0 123 45 6 7 20 0 9 0 \
                    8888 1000000 2500 18446744073709551615 0 0 0 0 0 0 0";
        let expected = ProcessStat {
            cpu_ticks: 168,
            major_faults: 3,
            resident_pages: 2500,
        };
        assert_eq!(process_stat(stat), Some(expected));
        assert_eq!(process_name(stat), Some("a) R (b)"));
        assert_eq!(process_stat("1 (x) S 1"), None);
        assert_eq!(process_stat(""), None);
    }

    #[test]
    fn parses_memory_processor_and_load() {
        let meminfo = "MemTotal:        4030712 kB\nMemFree:          100 kB\n";
        assert_eq!(memory_bytes(meminfo, "MemTotal"), Some(4_030_712 * 1024));
        assert_eq!(memory_bytes(meminfo, "MemT"), None);
        assert_eq!(memory_bytes(meminfo, "SwapTotal"), None);
        let x86 = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R)  CPU @ 2.00GHz\n";
        assert_eq!(
            cpu_model(x86).as_deref(),
            Some("Intel(R) Xeon(R) CPU @ 2.00GHz")
        );
        assert_eq!(
            cpu_model("processor : 0\nModel : Raspberry Pi 4\n").as_deref(),
            Some("Raspberry Pi 4")
        );
        assert_eq!(cpu_model("processor : 0\n"), None);
        assert_eq!(load_1m("0.52 0.58 0.59 1/389 12345\n"), Some(0.52));
        assert_eq!(load_1m(""), None);
    }

    #[test]
    fn parses_limit_of_open_files() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(open_files_max(limits), Some(1_024));
        assert_eq!(
            open_files_max(
                "Max open files            unlimited            unlimited            files\n"
            ),
            None
        );
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(text in "\\PC*|cpu [0-9 ]*|[0-9]+ \\(.*\\) [0-9 S]*") {
            let _ = (cpu_ticks(&text), process_stat(&text), memory_bytes(&text, "MemTotal"));
            let _ = (cpu_model(&text), load_1m(&text), open_files_max(&text));
            let _ = process_name(&text);
        }
    }
}
