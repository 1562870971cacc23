//! Resource usage of this process, from the operating system.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// Returns the CPU time of all threads so far.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Returns the resident memory in bytes. `None` without `/proc`.
pub(crate) fn resident_bytes() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Returns the number of open file descriptors. `None` without `/proc`.
pub(crate) fn open_fds() -> Option<usize> {
    // Reading the directory opens one.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1),
    )
}

/// Returns the number of file descriptors that this process may open. `None` if it is unlimited.
pub(crate) fn max_fds() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_plausible() {
        assert!(resident_bytes().is_none_or(|bytes| bytes > 500_000));
        assert!(open_fds().is_none_or(|fds| fds >= 3));
        assert!(max_fds().is_none_or(|fds| fds >= 3));
        let before = cpu_time();
        while cpu_time() == before {}
    }
}
