//! Control groups: enforce the allowance of a box and measure its usage.
//!
//! Supports both versions of the kernel interface. A lab creates one group, below or beside the group that
//! this process is in, and in it one group for each box. It writes to no other group.

mod hierarchy;
mod usage;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) use hierarchy::Hierarchy;
pub use usage::Usage;

use crate::options::allowance::{Allowance, PERIOD_US};

/// Time limit for killed processes to disappear.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of group names that this process has tried.
static NAMES_TRIED: AtomicU32 = AtomicU32::new(0);

/// Maximum number of names to try for the group of a lab.
const NAMES_MAX: u32 = 1_000;

/// The group of a lab. Dropping it removes it if it is empty.
#[derive(Debug)]
pub struct Groups {
    hierarchy: Hierarchy,
    name: String,
}

/// The group of a box. Dropping it kills its processes and removes it.
#[derive(Debug)]
pub struct Group {
    hierarchy: Hierarchy,
    directories: Vec<PathBuf>,
}

impl Groups {
    /// Creates the group of a lab, and tests that limits work.
    ///
    /// # Errors
    /// Returns the reason, and advice if there is any, if this account may not create groups or the limits
    /// have no effect.
    pub fn make() -> Result<Self, String> {
        let groups = Self {
            hierarchy: Hierarchy::find()?,
            name: String::new(),
        };
        let groups = groups.named()?;
        groups
            .test_limits()
            .map_err(|error| format!("could not run a process in a control group: {error}"))?;
        Ok(groups)
    }

    /// Takes the first free name: a process in another PID namespace may have the same number.
    fn named(mut self) -> Result<Self, String> {
        for _ in 0..NAMES_MAX {
            self.name = format!(
                "tenfold-lab-{}-{}",
                std::process::id(),
                NAMES_TRIED.fetch_add(1, Ordering::Relaxed)
            );
            let mut made = Vec::new();
            let directories = self.directories();
            let failed = directories.iter().find_map(|directory| {
                let error = fs::create_dir(directory).err();
                made.extend(error.is_none().then_some(directory));
                Some((directory, error?))
            });
            let Some((directory, error)) = failed else {
                return Ok(self);
            };
            for directory in made {
                let _ = fs::remove_dir(directory);
            }
            if error.kind() != io::ErrorKind::AlreadyExists {
                return Err(format!(
                    "could not create the control group {}: {error}; {}",
                    directory.display(),
                    self.hierarchy.advice()
                ));
            }
        }
        Err("could not create a control group: every name is taken".to_owned())
    }

    /// Limits a trial group and lets a process join it, as for a box.
    fn test_limits(&self) -> io::Result<()> {
        if let Hierarchy::V2 { parent } = &self.hierarchy {
            let own = parent.join(&self.name).join("cgroup.subtree_control");
            fs::write(own, "+cpu +memory")?;
        }
        let group = self.group("trial")?;
        group.limit_memory(Allowance::default())?;
        group.limit_cpu(Allowance::default())?;
        let joined = Command::new("sh")
            .args(["-c", r#"for own; do echo $$ >"$own" || exit 1; done"#, "sh"])
            .args(group.entrances())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()?;
        match joined.status.success() {
            true => Ok(()),
            false => Err(io::Error::other(
                String::from_utf8_lossy(&joined.stderr).trim().to_owned(),
            )),
        }
    }

    /// Returns the directories of the lab's group, one in each hierarchy.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let parents = self.hierarchy.parents();
        parents
            .into_iter()
            .map(|parent| parent.join(&self.name))
            .collect()
    }

    /// Creates the group of a box.
    ///
    /// # Errors
    /// If the kernel refuses it.
    pub fn group(&self, name: &str) -> io::Result<Group> {
        let directories = self.directories();
        let directories: Vec<_> = directories.iter().map(|own| own.join(name)).collect();
        for directory in &directories {
            make(directory)?;
        }
        Ok(Group {
            hierarchy: self.hierarchy.clone(),
            directories,
        })
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for directory in self.directories() {
            let _ = fs::remove_dir(directory);
        }
    }
}

impl Group {
    /// Returns the files to which a process writes its ID to join the group.
    pub(crate) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.directories.iter().map(|own| own.join("cgroup.procs"))
    }

    /// Limits the memory of the group.
    pub(crate) fn limit_memory(&self, allowance: Allowance) -> io::Result<()> {
        let bytes = allowance.memory_bytes.to_string();
        let (file, swap, most_swap) = match self.hierarchy {
            // Version 1 limits the sum of memory and swap, version 2 swap alone.
            Hierarchy::V1 { .. } => (
                "memory.limit_in_bytes",
                "memory.memsw.limit_in_bytes",
                &*bytes,
            ),
            Hierarchy::V2 { .. } => ("memory.max", "memory.swap.max", "0"),
        };
        self.write(file, &bytes)?;
        // Kernels without swap accounting have no such file.
        match self.write(swap, most_swap) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Moves a process with all its threads into the group.
    ///
    /// # Errors
    /// If it has ended, or this account may not move it.
    pub fn add(&self, pid: u32) -> io::Result<()> {
        self.entrances()
            .try_for_each(|entrance| fs::write(entrance, pid.to_string()))
    }

    /// Limits the CPU of the group.
    ///
    /// # Errors
    /// If the kernel refuses the limit.
    pub fn limit_cpu(&self, allowance: Allowance) -> io::Result<()> {
        let quota = allowance.quota_us();
        match self.hierarchy {
            Hierarchy::V1 { .. } => {
                self.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                self.write("cpu.cfs_quota_us", &quota.to_string())
            }
            Hierarchy::V2 { .. } => self.write("cpu.max", &format!("{quota} {PERIOD_US}")),
        }
    }

    /// Removes the CPU limit.
    pub(crate) fn remove_cpu_limit(&self) -> io::Result<()> {
        match self.hierarchy {
            Hierarchy::V1 { .. } => self.write("cpu.cfs_quota_us", "-1"),
            Hierarchy::V2 { .. } => self.write("cpu.max", "max"),
        }
    }

    /// Returns the CPU and memory used so far, and how often the group was throttled.
    pub fn usage(&self) -> Usage {
        let read = |file: &str| {
            let files = self.directories.iter().map(|own| own.join(file));
            files
                .into_iter()
                .find_map(|file| fs::read_to_string(file).ok())
        };
        match self.hierarchy {
            Hierarchy::V1 { .. } => Usage::of_v1(read),
            Hierarchy::V2 { .. } => Usage::of_v2(read),
        }
    }

    /// Kills every process in the group, including those forked in the meantime.
    pub(crate) fn kill(&self) {
        let deadline = Instant::now() + KILL_TIMEOUT;
        loop {
            let members = self.members();
            if members.is_empty() || Instant::now() > deadline {
                return;
            }
            for pid in members {
                if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                    // It may have exited already.
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn members(&self) -> Vec<i32> {
        let mut members: Vec<i32> = self
            .entrances()
            .filter_map(|file| fs::read_to_string(file).ok())
            .flat_map(|text| {
                text.lines()
                    .filter_map(|pid| pid.parse().ok())
                    .collect::<Vec<_>>()
            })
            .collect();
        members.sort_unstable();
        members.dedup();
        members
    }

    /// Writes to a file of the group, in the hierarchy that has it.
    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        let mut files = self.directories.iter().map(|own| own.join(file));
        let file = files.find(|file| file.exists()).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("the control group has no {file}"),
            )
        })?;
        // The kernel provides the file; never create it.
        fs::OpenOptions::new()
            .write(true)
            .open(&file)
            .and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()))
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        let deadline = Instant::now() + KILL_TIMEOUT;
        for directory in &self.directories {
            // A killed process stays in the group until it has been reaped.
            while fs::remove_dir(directory).is_err()
                && directory.exists()
                && Instant::now() < deadline
            {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// Creates the directory of a box's group, or reuses the one it had before.
fn make(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Child;

    use super::*;

    /// A process that is killed when dropped.
    struct Busy(Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Returns groups. `None` if this machine does not allow them: the test is skipped, or fails in CI.
    fn groups() -> Option<Groups> {
        match Groups::make() {
            Ok(groups) => Some(groups),
            Err(reason) => {
                crate::skip::skip(&reason);
                None
            }
        }
    }

    #[test]
    fn throttles_and_kills_processes_of_group() {
        let Some(groups) = groups() else { return };
        let group = groups.group("busy").unwrap();
        let allowance = Allowance {
            cpu: 0.2,
            ..Allowance::default()
        };
        group.limit_memory(allowance).unwrap();
        group.limit_cpu(allowance).unwrap();
        let busy = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .stdin(Stdio::null())
            .spawn();
        let mut busy = Busy(busy.unwrap());
        group.add(busy.0.id()).unwrap();
        let (before, began) = (group.usage(), Instant::now());
        std::thread::sleep(Duration::from_secs(1));
        let (after, took) = (group.usage(), began.elapsed());
        let used = (after.cpu - before.cpu).as_secs_f64() / took.as_secs_f64();
        // The quota, and up to two periods at the ends.
        assert!(used < 0.24, "{used}");
        assert!(after.throttled > before.throttled, "{after:?}");
        assert!(after.periods_throttled > before.periods_throttled);

        group.remove_cpu_limit().unwrap();
        let directories = group.directories.clone();
        let waiter = std::thread::spawn(move || busy.0.wait().unwrap());
        drop(group);
        assert_eq!(waiter.join().unwrap().signal(), Some(9));
        for directory in directories {
            assert!(!directory.exists(), "{}", directory.display());
        }
    }
}
