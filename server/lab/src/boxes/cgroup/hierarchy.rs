//! Control group hierarchies, and the group below which a lab creates its own.

use std::fs;
use std::path::{Path, PathBuf};

/// A hierarchy in which a lab can create its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// Version 1: a tree for each controller, or for several.
    V1 {
        /// Groups of this process for the controllers `cpu`, `cpuacct` and `memory`.
        parents: Vec<PathBuf>,
    },
    /// Version 2: one tree for all controllers.
    V2 {
        /// Nearest ancestor group that delegates both controllers.
        parent: PathBuf,
    },
}

/// Advice if this account may not create groups in version 2.
const V2_ADVICE: &str =
    "run as root, or in a scope of your own (`systemd-run --user --scope -p Delegate=yes ...`)";

/// A mount of a control group tree.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// Root of the mounted part of the tree.
    root: PathBuf,
    /// Mount point.
    point: PathBuf,
    /// Its controllers. `None` for version 2.
    controllers: Option<Vec<String>>,
}

impl Hierarchy {
    /// Finds a hierarchy in which this process can create groups.
    ///
    /// # Errors
    /// Returns the reason if there is none, with advice.
    pub(crate) fn find() -> Result<Self, String> {
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|error| format!("could not read {path}: {error}"))
        };
        let mounts = mounts(&read("/proc/self/mountinfo")?);
        let own = read("/proc/self/cgroup")?;
        v2(&mounts, &own)
            .or_else(|| v1(&mounts, &own))
            .ok_or_else(|| {
                let is_there = |mount: &&Mount| mount.controllers.is_none() && has_both(mount);
                match mounts.iter().find(is_there) {
                    Some(_) => format!(
                        "no control group around this process delegates cpu and memory to groups of \
                         this account; {V2_ADVICE}"
                    ),
                    None => "no control groups with both the cpu and the memory controller are mounted"
                        .to_owned(),
                }
            })
    }

    /// Returns advice for an account that may not create groups.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::V1 { .. } => "run as root",
            Self::V2 { .. } => V2_ADVICE,
        }
    }

    /// Returns the groups below which the lab's group is created.
    pub(crate) fn parents(&self) -> Vec<PathBuf> {
        match self {
            Self::V1 { parents } => parents.clone(),
            Self::V2 { parent } => vec![parent.clone()],
        }
    }
}

/// Parses `/proc/self/mountinfo`.
fn mounts(text: &str) -> Vec<Mount> {
    let read = |line: &str| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let mut fields = after.split(' ');
        let kind = fields.next()?;
        let options = fields.nth(1)?;
        let controllers = match kind {
            "cgroup2" => None,
            "cgroup" => Some(options.split(',').map(str::to_owned).collect()),
            _ => return None,
        };
        Some(Mount {
            root: PathBuf::from(root),
            point: PathBuf::from(point),
            controllers,
        })
    };
    text.lines().filter_map(read).collect()
}

/// Returns the group of this process for a controller, from `/proc/self/cgroup`. Without a controller,
/// returns the group of version 2.
fn own_group(text: &str, controller: Option<&str>) -> Option<PathBuf> {
    text.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = match controller {
            Some(controller) => controllers.split(',').any(|own| own == controller),
            None => controllers.is_empty(),
        };
        is_it.then(|| PathBuf::from(path))
    })
}

/// Returns the directory of a group in a mount.
fn directory(mount: &Mount, group: &Path) -> PathBuf {
    let below = group
        .strip_prefix(&mount.root)
        .or_else(|_| group.strip_prefix("/"));
    match below {
        Ok(below) if !below.as_os_str().is_empty() => mount.point.join(below),
        _ => mount.point.clone(),
    }
}

fn v1(mounts: &[Mount], own: &str) -> Option<Hierarchy> {
    let mut parents = Vec::new();
    for controller in ["cpu", "cpuacct", "memory"] {
        let has_it = |mount: &&Mount| {
            let all = mount.controllers.iter().flatten();
            all.into_iter().any(|own| own == controller)
        };
        let mount = mounts.iter().find(has_it)?;
        let parent = directory(mount, &own_group(own, Some(controller))?);
        let parent = if parent.is_dir() {
            parent
        } else {
            mount.point.clone()
        };
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    Some(Hierarchy::V1 { parents })
}

/// Finds the nearest ancestor group that already delegates both controllers: a group that contains processes
/// can't delegate, and other groups are not ours to change.
fn v2(mounts: &[Mount], own: &str) -> Option<Hierarchy> {
    let mount = mounts.iter().find(|mount| mount.controllers.is_none())?;
    let group = directory(mount, &own_group(own, None)?);
    let delegates = |group: &&Path| {
        let control = fs::read_to_string(group.join("cgroup.subtree_control"));
        let control = control.unwrap_or_default();
        let has = |wanted: &str| control.split_whitespace().any(|own| own == wanted);
        has("cpu") && has("memory") && !is_read_only(group)
    };
    let around = group
        .ancestors()
        .take_while(|group| group.starts_with(&mount.point));
    let parent = around.into_iter().find(delegates)?.to_owned();
    Some(Hierarchy::V2 { parent })
}

/// Returns whether a version 2 tree has both controllers.
fn has_both(mount: &Mount) -> bool {
    let all = fs::read_to_string(mount.point.join("cgroup.controllers")).unwrap_or_default();
    let has = |wanted: &str| all.split_whitespace().any(|own| own == wanted);
    has("cpu") && has("memory")
}

/// Returns whether this account may not create directories here.
fn is_read_only(directory: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_mounts_of_both_versions() {
        let text = "\
22 1 0:20 / /proc rw - proc proc rw
30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct
31 25 0:27 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
a line that is none
";
        let found = mounts(text);
        assert_eq!(found.len(), 3);
        assert_eq!(
            found[0].controllers.as_ref().unwrap()[1..],
            ["cpu", "cpuacct"]
        );
        assert_eq!(found[1].root, Path::new("/docker/1"));
        assert_eq!(found[2].controllers, None);
        let own = "5:cpu,cpuacct:/user\n4:memory:/docker/1/user\n0::/session\n";
        assert_eq!(own_group(own, Some("cpuacct")), Some("/user".into()));
        assert_eq!(own_group(own, None), Some("/session".into()));
        assert_eq!(own_group(own, Some("io")), None);
        let group = own_group(own, Some("memory")).unwrap();
        assert_eq!(
            directory(&found[1], &group),
            Path::new("/sys/fs/cgroup/memory/user")
        );
        assert_eq!(
            directory(&found[2], Path::new("/")),
            Path::new("/sys/fs/cgroup/unified")
        );
    }

    #[test]
    fn takes_nearest_group_that_delegates_controllers() {
        let tree = tempfile::tempdir().unwrap();
        let control = |below: &str, controllers: &str| {
            let group = tree.path().join(below);
            fs::create_dir_all(&group).unwrap();
            fs::write(group.join("cgroup.subtree_control"), controllers).unwrap();
            group
        };
        control("", "cpuset cpu io memory pids\n");
        let slice = control("user.slice", "cpu memory pids\n");
        control("user.slice/user-7.slice", "memory pids\n");
        control("user.slice/user-7.slice/session-1.scope", "");
        let mount = |controllers| Mount {
            root: "/".into(),
            point: tree.path().to_owned(),
            controllers,
        };
        let own = "0::/user.slice/user-7.slice/session-1.scope\n";
        let found = v2(&[mount(None)], own);
        assert_eq!(found, Some(Hierarchy::V2 { parent: slice }));
        // With all controllers in version 1, the version 2 tree delegates none.
        control("", "");
        assert_eq!(v2(&[mount(None)], "0::/\n"), None);
        let v1_mount = mount(Some(vec!["cpu".to_owned()]));
        assert_eq!(v1(&[v1_mount], "1:cpu:/\n"), None);
    }
}
