//! The machine that this process runs on.

use std::fs;

use tenfold_run_dir::manifest::Host;

use crate::{limits, procfs};

/// Describes this machine; what the system does not tell is `unknown` or 0.
pub fn describe() -> Host {
    let kernel = rustix::system::uname();
    Host {
        cores: cores(),
        cpu: read("/proc/cpuinfo")
            .and_then(|text| procfs::cpu_model(&text))
            // Some architectures leave the name out; what they are is better than nothing.
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

/// Processors that this process may use, as its affinity and its cgroup's quota allow.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Main memory; none where the system does not tell.
pub(crate) fn memory_bytes() -> Option<u64> {
    procfs::memory_bytes(&read("/proc/meminfo")?, "MemTotal")
}

/// Reads a small text file of the system; none where it is not there.
pub(crate) fn read(path: &str) -> Option<String> {
    fs::read(path)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let host = describe();
        assert!(host.cores >= 1);
        assert!(!host.cpu.is_empty());
        assert!(host.open_files > 0);
        if cfg!(target_os = "linux") {
            assert!(host.kernel.starts_with("Linux "), "{}", host.kernel);
            assert!(host.memory_bytes > 1 << 20);
        }
    }
}
