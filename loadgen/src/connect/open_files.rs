//! The process's table of open files, grown before a run.

use std::os::fd::AsFd;

/// Grows the table of open files to `count` entries, as far as the limit allows.
///
/// Linux doubles the table when it is full. In a process with several threads each growth waits for
/// an RCU grace period: 5 to 20 ms in which the generator would be stalled, just when a stalling
/// service makes it open many connections. The table never shrinks.
pub(crate) fn make_room_for(count: u32) {
    let mut highest = i32::try_from(count).unwrap_or(i32::MAX);
    let Ok(any) = std::fs::File::open("/dev/null") else {
        return;
    };
    // A descriptor with a high number grows the table to that length. It is closed at once.
    while highest > 0 && rustix::io::fcntl_dupfd_cloexec(any.as_fd(), highest).is_err() {
        highest /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn grows_table_without_leaking_descriptors() {
        make_room_for(5_000);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status
            .lines()
            .find_map(|line| line.strip_prefix("FDSize:"))
            .unwrap();
        assert!(size.trim().parse::<u32>().unwrap() >= 1_024, "{size}");
        let highest = std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u32>().ok())
            .max();
        assert!(highest < Some(1_000), "{highest:?}");
    }
}
