//! The table of open files, grown before a run rather than during it.

use std::os::fd::AsFd;

/// Makes room in the process's table of open files for `count` of them, as far as its limit allows.
///
/// Linux doubles the table when it is full, and in a process of several threads waits for a grace
/// period of the kernel each time: 5 to 20 ms in which the generator would stand still, just when a
/// service that stalls makes it open connection after connection. The table never shrinks.
pub(crate) fn make_room_for(count: u32) {
    let mut highest = i32::try_from(count).unwrap_or(i32::MAX);
    let Ok(any) = std::fs::File::open("/dev/null") else {
        return;
    };
    // A descriptor with a high number makes the table that long; it is closed at once.
    while highest > 0 && rustix::io::fcntl_dupfd_cloexec(any.as_fd(), highest).is_err() {
        highest /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_table_has_room_and_nothing_is_left_open() {
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
