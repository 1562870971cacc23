//! Where control groups can be made.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a lab can make its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// Version 1: a tree for each controller, some of which may be one.
    V1 {
        /// The groups that this process is in, of the controllers `cpu`, `cpuacct` and `memory`.
        parents: Vec<PathBuf>,
    },
    /// Version 2: one tree for all.
    V2 {
        /// The nearest group around this process that hands both controllers down.
        parent: PathBuf,
    },
}

/// What who may make no groups can do where there is version 2.
const V2_ADVICE: &str =
    "run as root, or in a scope of your own (`systemd-run --user --scope -p Delegate=yes ...`)";

/// A mount of a tree of groups.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// Which part of the tree is mounted.
    root: PathBuf,
    /// Where.
    point: PathBuf,
    /// The controllers; none for version 2.
    controllers: Option<Vec<String>>,
}

impl Hierarchy {
    /// Finds where this process can make groups.
    ///
    /// # Errors
    /// Where it can't, in words.
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
                        "no control group around this process hands cpu and memory down to groups of \
                         this account; {V2_ADVICE}"
                    ),
                    None => "no control groups with both the cpu and the memory controller are mounted"
                        .to_owned(),
                }
            })
    }

    /// What who may make no groups can do.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::V1 { .. } => "run as root",
            Self::V2 { .. } => V2_ADVICE,
        }
    }

    /// The groups in which that of a lab is made.
    pub(crate) fn parents(&self) -> Vec<PathBuf> {
        match self {
            Self::V1 { parents } => parents.clone(),
            Self::V2 { parent } => vec![parent.clone()],
        }
    }
}

/// Reads `/proc/self/mountinfo`.
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

/// The group of a controller that this process is in, by `/proc/self/cgroup`; of version 2 where no
/// controller is named.
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

/// Where a group is seen in a mount.
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

/// The nearest group around this process that hands both controllers down already: a group with processes
/// in it can't, and one that does not yet is not ours to change.
fn v2(mounts: &[Mount], own: &str) -> Option<Hierarchy> {
    let mount = mounts.iter().find(|mount| mount.controllers.is_none())?;
    let group = directory(mount, &own_group(own, None)?);
    let hands_down = |group: &&Path| {
        let control = fs::read_to_string(group.join("cgroup.subtree_control"));
        let control = control.unwrap_or_default();
        let has = |wanted: &str| control.split_whitespace().any(|own| own == wanted);
        has("cpu") && has("memory") && !is_read_only(group)
    };
    let around = group
        .ancestors()
        .take_while(|group| group.starts_with(&mount.point));
    let parent = around.into_iter().find(hands_down)?.to_owned();
    Some(Hierarchy::V2 { parent })
}

/// Whether a tree of version 2 has both controllers.
fn has_both(mount: &Mount) -> bool {
    let all = fs::read_to_string(mount.point.join("cgroup.controllers")).unwrap_or_default();
    let has = |wanted: &str| all.split_whitespace().any(|own| own == wanted);
    has("cpu") && has("memory")
}

/// Whether this account may make no directory here.
fn is_read_only(directory: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_both_versions_are_read() {
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
    fn version_2_takes_the_nearest_group_that_hands_its_controllers_down() {
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
        // A tree whose controllers are those of version 1 hands none down.
        control("", "");
        assert_eq!(v2(&[mount(None)], "0::/\n"), None);
        let v1_mount = mount(Some(vec!["cpu".to_owned()]));
        assert_eq!(v1(&[v1_mount], "1:cpu:/\n"), None);
    }
}
