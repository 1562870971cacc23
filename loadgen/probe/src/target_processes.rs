//! Resources that the target's processes use, and their limits, from `/proc`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};

use tenfold_run_dir::host_timeline::TargetLimits;

use crate::control_group::{ControlGroup, GroupReading};
use crate::host_sampler::reread;
use crate::{process_tree, procfs};

/// Readings after which the descendants of a process are looked up again.
const READINGS_PER_LOOK: u32 = 5;

/// Use of resources at one moment. Counters are sums over the processes since the first reading. `None` if it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct TargetReading {
    pub(crate) cpu_ns: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) major_faults: Option<u64>,
    /// Open files of the process that is nearest to its limit.
    pub(crate) open_files: Option<u64>,
    /// Its limit.
    pub(crate) open_files_allowed: Option<u64>,
    pub(crate) group: GroupReading,
}

impl TargetReading {
    /// Returns the CPU time since an earlier reading, in nanoseconds. `None` if it is not known.
    pub(crate) fn cpu_since(&self, before: &Self) -> Option<u64> {
        // A counter that steps back belongs to a new process: the target was restarted.
        self.cpu_ns?.checked_sub(before.cpu_ns?)
    }

    /// Returns the limits, and their use since an earlier reading. `None` if none is known.
    pub(crate) fn limits_since(&self, before: &Self) -> Option<TargetLimits> {
        // A counter that steps back belongs to a new process.
        let grown = |of: fn(&Self) -> Option<u64>| of(self)?.checked_sub(of(before)?);
        let limits = TargetLimits {
            open_files: self.open_files,
            open_files_allowed: self.open_files_allowed,
            major_faults: grown(|own| own.major_faults),
            cores_allowed: self.group.cores_allowed,
            throttled_ns: grown(|own| own.group.throttled_ns),
            memory_bytes: self.group.memory_bytes,
            memory_allowed_bytes: self.group.memory_allowed_bytes,
        };
        (limits != TargetLimits::default()).then_some(limits)
    }
}

/// Processes whose use of resources is read again and again.
pub(crate) struct TargetProcesses {
    roots: Vec<u32>,
    /// By process id.
    processes: BTreeMap<u32, Process>,
    /// CPU time of all processes since the first reading, in nanoseconds. What a process used before it was found, and after
    /// the last reading before its end, is not in it.
    cpu_ns: u64,
    /// Page faults of all processes that read a disk, likewise.
    major_faults: u64,
    /// Readings until the descendants are looked up again. `None` if they do not count.
    left: Option<u32>,
    group: Option<ControlGroup>,
}

/// A process, with its figures at the last reading.
struct Process {
    // Stays open, so that it refers to this process even if the system reuses its id. Reads fail once the process has
    // ended.
    stat: File,
    last: Usage,
    /// Most files that it may open. `None` if it is unlimited.
    open_files_allowed: Option<u64>,
}

/// Figures of one process.
struct Usage {
    cpu_ns: u64,
    major_faults: u64,
    memory_bytes: u64,
}

impl TargetProcesses {
    /// Reads one process. Its children do not count.
    pub(crate) fn one(process: u32, ticks_per_second: f64) -> Self {
        let mut own = Self::new(vec![process]);
        own.add(process, ticks_per_second, &mut String::new());
        own
    }

    /// Reads processes and their descendants. Forking servers start and end workers, so these are looked up again and again.
    pub(crate) fn trees(roots: Vec<u32>) -> Self {
        Self {
            left: Some(0),
            ..Self::new(roots)
        }
    }

    fn new(roots: Vec<u32>) -> Self {
        Self {
            group: roots.first().and_then(|root| ControlGroup::of(*root)),
            roots,
            processes: BTreeMap::new(),
            cpu_ns: 0,
            major_faults: 0,
            left: None,
        }
    }

    /// Ids of the processes that lived at the last reading.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.processes.keys().copied()
    }

    fn add(&mut self, process: u32, ticks_per_second: f64, text: &mut String) {
        if let Entry::Vacant(entry) = self.processes.entry(process)
            && let Ok(mut stat) = File::open(format!("/proc/{process}/stat"))
            && let Some(last) = usage(&mut stat, ticks_per_second, text)
        {
            let limits = fs::read_to_string(format!("/proc/{process}/limits"));
            entry.insert(Process {
                stat,
                last,
                open_files_allowed: limits.ok().as_deref().and_then(procfs::open_files_max),
            });
        }
    }

    /// Reads all processes: sums over those that live. Without any, nothing is known.
    pub(crate) fn read(&mut self, ticks_per_second: f64, text: &mut String) -> TargetReading {
        if self.left == Some(0) {
            self.left = Some(READINGS_PER_LOOK);
            for root in self.roots.clone() {
                for process in process_tree::tree(root) {
                    self.add(process, ticks_per_second, text);
                }
            }
        }
        self.left = self.left.map(|left| left - 1);
        let mut memory_bytes = None;
        let mut files: Option<(u64, Option<u64>)> = None;
        let (cpu_ns, major_faults) = (&mut self.cpu_ns, &mut self.major_faults);
        self.processes.retain(|id, own| {
            let Some(now) = usage(&mut own.stat, ticks_per_second, text) else {
                return false;
            };
            *cpu_ns += now.cpu_ns.saturating_sub(own.last.cpu_ns);
            *major_faults += now.major_faults.saturating_sub(own.last.major_faults);
            *memory_bytes.get_or_insert(0) += now.memory_bytes;
            own.last = now;
            if let Some(open) = open_files(*id) {
                let next = (open, own.open_files_allowed);
                files = Some(match files {
                    Some(known) if share(known) >= share(next) => known,
                    _ => next,
                });
            }
            true
        });
        if memory_bytes.is_none() {
            return TargetReading::default();
        }
        TargetReading {
            cpu_ns: Some(self.cpu_ns),
            memory_bytes,
            major_faults: Some(self.major_faults),
            open_files: files.map(|(open, _)| open),
            open_files_allowed: files.and_then(|(_, allowed)| allowed),
            group: self
                .group
                .as_ref()
                .map(ControlGroup::read)
                .unwrap_or_default(),
        }
    }
}

/// Returns the share of the files that a process may open.
fn share((open, allowed): (u64, Option<u64>)) -> f64 {
    allowed.map_or(0.0, |allowed| open as f64 / allowed.max(1) as f64)
}

/// Returns the figures of a process from its `stat` file. `None` once it has ended.
fn usage(file: &mut File, ticks_per_second: f64, text: &mut String) -> Option<Usage> {
    let stat = reread(file, text).and_then(procfs::process_stat)?;
    Some(Usage {
        cpu_ns: (stat.cpu_ticks as f64 * 1e9 / ticks_per_second) as u64,
        major_faults: stat.major_faults,
        memory_bytes: stat.resident_pages * rustix::param::page_size() as u64,
    })
}

/// Returns the number of open files of a process. `None` if it may not be read.
fn open_files(process: u32) -> Option<u64> {
    let path = format!("/proc/{process}/fd");
    // Since Linux 6.2, the size of the directory is their number.
    match fs::metadata(&path).ok()?.len() {
        0 => u64::try_from(fs::read_dir(&path).ok()?.count()).ok(),
        count => Some(count),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn counts_open_files_and_knows_their_limit() {
        let mut processes = TargetProcesses::one(std::process::id(), 100.0);
        let before = processes.read(100.0, &mut String::new());
        let files: Vec<File> = (0..50)
            .filter_map(|_| File::open("/proc/stat").ok())
            .collect();
        let after = processes.read(100.0, &mut String::new());
        // Other tests open and close files meanwhile.
        assert!(after.open_files.unwrap() >= 50 && files.len() == 50);
        let limits = after.limits_since(&before).unwrap();
        assert!(limits.open_files_allowed.unwrap() >= 50, "{limits:?}");
        assert!(limits.major_faults.is_some(), "{limits:?}");
    }

    #[test]
    fn process_nearest_to_its_limit_is_reported() {
        assert!(share((40, Some(48))) > share((800, Some(1_024))));
        assert!(share((1, Some(48))) > share((900, None)));
    }

    #[test]
    fn nothing_is_known_of_an_ended_process() {
        let none = TargetReading::default();
        assert_eq!(none.limits_since(&none), None);
    }
}
