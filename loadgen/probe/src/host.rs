//! Description of this machine.

use std::fs;

use tenfold_run_dir::manifest::Host;

use crate::{limits, procfs};

/// Describes this machine. A value that the system does not report is `unknown` or 0.
pub fn describe() -> Host {
    let kernel = rustix::system::uname();
    Host {
        cores: cores(),
        cpu: read("/proc/cpuinfo")
            .and_then(|text| procfs::cpu_model(&text))
            // Some architectures omit the model name; their own name is better than nothing.
            .unwrap_or_else(|| format!("unknown {}", kernel.machine().to_string_lossy())),
        kernel: format!(
            "{} {}",
            kernel.sysname().to_string_lossy(),
            kernel.release().to_string_lossy()
        ),
        memory_bytes: memory_bytes().unwrap_or(0),
        open_files: limits::open_files().0,
        load_1m: read("/proc/loadavg")
            .and_then(|text| procfs::load_1m(&text))
            .unwrap_or(0.0),
    }
}

/// Returns the number that the kernel has drawn at the machine's start, by which processes in several containers of a machine
/// recognise it. `None` if the system does not report it.
pub fn boot_id() -> Option<String> {
    let id = read("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    (!id.is_empty()).then_some(id)
}

/// Returns the number of cores that this process may use, given its affinity and the quota of its cgroup.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the memory that is free for new processes, in bytes. `None` if the kernel does not tell.
pub(crate) fn available_memory_bytes() -> Option<u64> {
    read("/proc/meminfo").and_then(|text| procfs::memory_bytes(&text, "MemAvailable"))
}

/// Returns the size of main memory, in bytes. `None` if the system does not report it.
pub(crate) fn memory_bytes() -> Option<u64> {
    procfs::memory_bytes(&read("/proc/meminfo")?, "MemTotal")
}

/// Reads a small system file. `None` if it can't be read.
pub(crate) fn read(path: &str) -> Option<String> {
    fs::read(path)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_this_machine() {
        let host = describe();
        assert!(host.cores >= 1);
        assert!(!host.cpu.is_empty());
        assert!(host.open_files > 0);
        if cfg!(target_os = "linux") {
            assert!(host.kernel.starts_with("Linux "), "{}", host.kernel);
            assert!(host.memory_bytes > 1 << 20);
            assert_eq!(boot_id().map(|id| id.len()), Some(36));
        }
    }
}
