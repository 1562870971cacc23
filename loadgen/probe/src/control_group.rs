//! Control group of a process, such as that of a container or a service: its limits and their use.
//!
//! Formats: the kernel's `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/`.

use std::fs;
use std::path::{Path, PathBuf};

/// Mount point of the control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Memory limit from which version 1 means none, in bytes.
const UNLIMITED_V1: u64 = 1 << 60;

/// Directories of the control group of a process.
#[derive(Debug)]
pub(crate) struct ControlGroup {
    cpu: PathBuf,
    memory: PathBuf,
    is_v2: bool,
}

/// Limits at one moment, and their use so far. `None` without a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct GroupReading {
    pub(crate) cores_allowed: Option<f64>,
    pub(crate) throttled_ns: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) memory_allowed_bytes: Option<u64>,
}

impl ControlGroup {
    /// Finds the group of a process. `None` if it is not known.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
        let root = Path::new(ROOT);
        if root.join("cgroup.controllers").exists() {
            let group = directory(root, group_of(&text, None)?)?;
            return Some(Self {
                cpu: group.clone(),
                memory: group,
                is_v2: true,
            });
        }
        let tree = |controller: &str| {
            // Controllers that share a tree are joined in its name.
            let names = [controller, "cpu,cpuacct"];
            let tree = names.iter().map(|name| root.join(name));
            let tree = tree.into_iter().find(|tree| tree.exists())?;
            directory(&tree, group_of(&text, Some(controller))?)
        };
        Some(Self {
            cpu: tree("cpu")?,
            memory: tree("memory")?,
            is_v2: false,
        })
    }

    /// Reads the lowest limits of the group and the groups that it is in, and their use.
    pub(crate) fn read(&self) -> GroupReading {
        let read = |directory: &Path, name: &str| fs::read_to_string(directory.join(name)).ok();
        let (cores_of, bytes_of): (Limit<f64>, Limit<u64>) = match self.is_v2 {
            true => (cores_v2, bytes_v2),
            false => (cores_v1, bytes_v1),
        };
        let cpu = lowest(&self.cpu, |group| cores_of(&|name| read(group, name)));
        let memory = lowest(&self.memory, |group| bytes_of(&|name| read(group, name)));
        let usage = match self.is_v2 {
            true => "memory.current",
            false => "memory.usage_in_bytes",
        };
        GroupReading {
            cores_allowed: cpu.map(|(_, cores)| cores),
            throttled_ns: cpu.and_then(|(group, _)| throttled_ns(&read(group, "cpu.stat")?)),
            memory_bytes: memory.and_then(|(group, _)| number(&read(group, usage)?)),
            memory_allowed_bytes: memory.map(|(_, bytes)| bytes),
        }
    }
}

/// Parser of a limit from the files of a group. `None` without one.
type Limit<T> = fn(&dyn Fn(&str) -> Option<String>) -> Option<T>;

/// Returns the lowest limit of a group and those around it, with the group that has it.
fn lowest<T: PartialOrd + Copy>(
    group: &Path,
    limit: impl Fn(&Path) -> Option<T>,
) -> Option<(&Path, T)> {
    let groups = group.ancestors().take_while(|own| *own != Path::new(ROOT));
    let limits = groups.filter_map(|own| Some((own, limit(own)?)));
    limits.reduce(|one, other| match other.1 < one.1 {
        true => other,
        false => one,
    })
}

/// Returns the group of a controller, from `/proc/PID/cgroup`. Without a controller, that of version 2.
fn group_of<'a>(text: &'a str, controller: Option<&str>) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let is_it = match controller {
            Some(controller) => controllers.split(',').any(|own| own == controller),
            None => controllers.is_empty(),
        };
        is_it.then_some(path)
    })
}

/// Returns the directory of a group. In a container, the path may be one outside, and the group is the mounted one.
fn directory(tree: &Path, group: &str) -> Option<PathBuf> {
    let own = tree.join(group.trim_start_matches('/'));
    let found = [own, tree.to_owned()];
    found.into_iter().find(|directory| directory.is_dir())
}

fn cores_v2(read: &dyn Fn(&str) -> Option<String>) -> Option<f64> {
    let text = read("cpu.max")?;
    let mut fields = text.split_ascii_whitespace();
    share(fields.next()?.parse().ok()?, fields.next()?.parse().ok()?)
}

fn cores_v1(read: &dyn Fn(&str) -> Option<String>) -> Option<f64> {
    let of = |name: &str| read(name)?.trim().parse::<f64>().ok();
    share(of("cpu.cfs_quota_us")?, of("cpu.cfs_period_us")?)
}

fn share(quota_us: f64, period_us: f64) -> Option<f64> {
    (quota_us > 0.0 && period_us > 0.0).then(|| quota_us / period_us)
}

fn bytes_v2(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    number(&read("memory.max")?)
}

fn bytes_v1(read: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    number(&read("memory.limit_in_bytes")?).filter(|bytes| *bytes < UNLIMITED_V1)
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Returns the throttled time from `cpu.stat`: in nanoseconds in version 1, in microseconds in version 2.
fn throttled_ns(stat: &str) -> Option<u64> {
    let of = |name: &str| {
        let mut lines = stat.lines();
        number(lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?)
    };
    let us = of("throttled_usec").map(|us| us.saturating_mul(1_000));
    us.or_else(|| of("throttled_time"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_limits_of_both_versions() {
        let v2 = |name: &str| match name {
            "cpu.max" => Some("20000 100000\n".to_owned()),
            "memory.max" => Some("1048576\n".to_owned()),
            _ => None,
        };
        assert_eq!((cores_v2(&v2), bytes_v2(&v2)), (Some(0.2), Some(1 << 20)));
        let v1 = |name: &str| match name {
            "cpu.cfs_quota_us" => Some("150000\n".to_owned()),
            "cpu.cfs_period_us" => Some("100000\n".to_owned()),
            "memory.limit_in_bytes" => Some("1048576\n".to_owned()),
            _ => None,
        };
        assert_eq!((cores_v1(&v1), bytes_v1(&v1)), (Some(1.5), Some(1 << 20)));
    }

    #[test]
    fn unlimited_groups_have_no_limit() {
        let v2 = |_: &str| Some("max 100000\n".to_owned());
        assert_eq!((cores_v2(&v2), bytes_v2(&v2)), (None, None));
        let v1 = |name: &str| match name {
            "memory.limit_in_bytes" => Some("9223372036854771712\n".to_owned()),
            "cpu.cfs_quota_us" => Some("-1\n".to_owned()),
            _ => Some("100000\n".to_owned()),
        };
        assert_eq!((cores_v1(&v1), bytes_v1(&v1)), (None, None));
    }

    #[test]
    fn lowest_limit_is_that_of_a_group_around() {
        let limits = [("/sys/fs/cgroup/a/b", 2.0), ("/sys/fs/cgroup/a", 0.5)];
        let limit = |group: &Path| {
            let own = limits.iter().find(|(path, _)| Path::new(path) == group);
            own.map(|(_, cores)| *cores)
        };
        let found = lowest(Path::new("/sys/fs/cgroup/a/b/c"), limit);
        assert_eq!(found, Some((Path::new("/sys/fs/cgroup/a"), 0.5)));
        assert_eq!(lowest(Path::new("/sys/fs/cgroup/x"), limit), None);
    }

    #[test]
    fn finds_group_of_controller() {
        let text = "4:memory:/a\n2:cpu,cpuacct:/b\n0::/c\n";
        assert_eq!(group_of(text, Some("cpu")), Some("/b"));
        assert_eq!(group_of(text, None), Some("/c"));
        assert_eq!(group_of("junk", None), None);
    }

    #[test]
    fn throttled_time_is_in_nanoseconds() {
        assert_eq!(
            throttled_ns("nr_periods 1\nthrottled_usec 7\n"),
            Some(7_000)
        );
        assert_eq!(throttled_ns("throttled_time 7\n"), Some(7));
        assert_eq!(throttled_ns("nr_periods 1\n"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_harmless(text in ".{0,200}") {
            let read = |_: &str| Some(text.clone());
            let _ = (cores_v1(&read), cores_v2(&read), bytes_v1(&read), bytes_v2(&read));
            let _ = (group_of(&text, Some("cpu")), throttled_ns(&text));
        }
    }
}
