//! Control groups: what holds a box to its allowance, and counts what it uses.
//!
//! Both versions of the kernel's interface are spoken, whichever has the controllers. A lab makes one group
//! of its own, below the one that it runs in or beside it, and in that one group for each box; no other is
//! written to.

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

/// How long processes that were killed may take to be gone.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// The labs of this process that have had groups.
static MADE: AtomicU32 = AtomicU32::new(0);

/// Names that are tried for the group of a lab.
const MOST_NAMES: u32 = 1_000;

/// The groups of a lab. Dropping it removes what is empty.
#[derive(Debug)]
pub(crate) struct Groups {
    hierarchy: Hierarchy,
    name: String,
}

/// The group of a box. Dropping it kills what is in it and removes it.
#[derive(Debug)]
pub(crate) struct Group {
    hierarchy: Hierarchy,
    directories: Vec<PathBuf>,
}

impl Groups {
    /// Makes the group of a lab, and tries one in it.
    ///
    /// # Errors
    /// Where this account may make none, or they don't hold what they should, in words that say what to do.
    pub(crate) fn make() -> Result<Self, String> {
        let groups = Self {
            hierarchy: Hierarchy::find()?,
            name: String::new(),
        };
        let groups = groups.named()?;
        groups.try_out().map_err(|error| {
            format!("a control group does not hold what is put into it: {error}")
        })?;
        Ok(groups)
    }

    /// Takes the first name that nobody has: a process in another namespace may have this one's number.
    fn named(mut self) -> Result<Self, String> {
        for _ in 0..MOST_NAMES {
            self.name = format!(
                "tenfold-lab-{}-{}",
                std::process::id(),
                MADE.fetch_add(1, Ordering::Relaxed)
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
                    "could not make the control group {}: {error}; {}",
                    directory.display(),
                    self.hierarchy.advice()
                ));
            }
        }
        Err("every name for a control group was taken".to_owned())
    }

    /// Bounds a group and has a process join it: what a box does, before there is one.
    fn try_out(&self) -> io::Result<()> {
        if let Hierarchy::V2 { parent } = &self.hierarchy {
            let own = parent.join(&self.name).join("cgroup.subtree_control");
            fs::write(own, "+cpu +memory")?;
        }
        let group = self.group("trial")?;
        group.bound_memory(Allowance::default())?;
        group.bound_cpu(Allowance::default())?;
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

    /// The directories of the lab's group, one in each hierarchy.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let parents = self.hierarchy.parents();
        parents
            .into_iter()
            .map(|parent| parent.join(&self.name))
            .collect()
    }

    /// Makes the group of a box.
    pub(crate) fn group(&self, name: &str) -> io::Result<Group> {
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
    /// The files that a process writes its number to, to be in it.
    pub(crate) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.directories.iter().map(|own| own.join("cgroup.procs"))
    }

    /// Bounds the memory of what is in it.
    pub(crate) fn bound_memory(&self, allowance: Allowance) -> io::Result<()> {
        let bytes = allowance.memory_bytes.to_string();
        let (file, swap, most_swap) = match self.hierarchy {
            // With swap, in version 1; in version 2, of swap alone.
            Hierarchy::V1 { .. } => (
                "memory.limit_in_bytes",
                "memory.memsw.limit_in_bytes",
                &*bytes,
            ),
            Hierarchy::V2 { .. } => ("memory.max", "memory.swap.max", "0"),
        };
        self.write(file, &bytes)?;
        // A kernel that does not count swap has no such file.
        match self.write(swap, most_swap) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Bounds the processor time of what is in it.
    pub(crate) fn bound_cpu(&self, allowance: Allowance) -> io::Result<()> {
        let quota = allowance.quota_us();
        match self.hierarchy {
            Hierarchy::V1 { .. } => {
                self.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                self.write("cpu.cfs_quota_us", &quota.to_string())
            }
            Hierarchy::V2 { .. } => self.write("cpu.max", &format!("{quota} {PERIOD_US}")),
        }
    }

    /// Takes the bound on processor time away.
    pub(crate) fn unbound_cpu(&self) -> io::Result<()> {
        match self.hierarchy {
            Hierarchy::V1 { .. } => self.write("cpu.cfs_quota_us", "-1"),
            Hierarchy::V2 { .. } => self.write("cpu.max", "max"),
        }
    }

    /// What it has used so far, and how often it was held back.
    pub(crate) fn usage(&self) -> Usage {
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

    /// Kills every process in it, also those that began others meanwhile.
    pub(crate) fn kill(&self) {
        let deadline = Instant::now() + GONE_WITHIN;
        loop {
            let members = self.members();
            if members.is_empty() || Instant::now() > deadline {
                return;
            }
            for pid in members {
                if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                    // It may have ended by itself.
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

    /// Writes to a file of it, in the hierarchy that has such a file.
    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        let mut files = self.directories.iter().map(|own| own.join(file));
        let file = files.find(|file| file.exists()).ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("there is no {file}"))
        })?;
        // It is there, and never to be made.
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
        let deadline = Instant::now() + GONE_WITHIN;
        for directory in &self.directories {
            // What was killed is in it until it has been waited for.
            while fs::remove_dir(directory).is_err()
                && directory.exists()
                && Instant::now() < deadline
            {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

/// Makes the directory of a box, in the lab's own, or takes the one that it had before.
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

    /// Groups, or why this machine has none: then the test is skipped.
    fn groups() -> Option<Groups> {
        match Groups::make() {
            Ok(groups) => Some(groups),
            Err(reason) => {
                eprintln!("skipped: {reason}");
                None
            }
        }
    }

    #[test]
    fn a_group_holds_what_is_in_it_to_its_allowance() {
        let Some(groups) = groups() else { return };
        let group = groups.group("busy").unwrap();
        let allowance = Allowance {
            cpu: 0.2,
            ..Allowance::default()
        };
        group.bound_memory(allowance).unwrap();
        group.bound_cpu(allowance).unwrap();
        let busy = Command::new("sh")
            .args(["-c", "while :; do :; done"])
            .stdin(Stdio::null())
            .spawn();
        let mut busy = Busy(busy.unwrap());
        for entrance in group.entrances() {
            fs::write(entrance, busy.0.id().to_string()).unwrap();
        }
        let (before, began) = (group.usage(), Instant::now());
        std::thread::sleep(Duration::from_secs(1));
        let (after, took) = (group.usage(), began.elapsed());
        let used = (after.cpu - before.cpu).as_secs_f64() / took.as_secs_f64();
        // What it may use, and a period or two at both ends.
        assert!(used < 0.24, "{used}");
        assert!(after.throttled > before.throttled, "{after:?}");
        assert!(after.periods_throttled > before.periods_throttled);

        group.unbound_cpu().unwrap();
        let directories = group.directories.clone();
        let waiter = std::thread::spawn(move || busy.0.wait().unwrap());
        drop(group);
        assert_eq!(waiter.join().unwrap().signal(), Some(9));
        for directory in directories {
            assert!(!directory.exists(), "{}", directory.display());
        }
    }
}
