//! The profile of a process tree.

use std::collections::BTreeMap;
use std::time::Duration;

use tenfold_run_dir::off_cpu::{Idleness, OffCpuMethod, WaitKind, WaitSum, wait_frame};
use tenfold_run_dir::{FoldedStacks, OffCpuInfo, OffCpuProfile, ProfileInfo};

use crate::Method;

/// A profile of processes, on and off the CPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Processes that were profiled at the start, parents first. Their children that started later are in the figures.
    pub processes: Vec<u32>,
    /// Their names, in the same order.
    pub names: Vec<String>,
    /// Number of their threads at the start.
    pub threads: u64,
    /// Source of the samples: [`Method::PerfEvents`] or [`Method::States`].
    pub method: Method,
    /// Length.
    pub duration: Duration,
    /// Time on the CPU.
    pub on_cpu: OnCpu,
    /// Time off the CPU. `None` if it was not asked for.
    pub off_cpu: Option<OffCpu>,
    /// Gaps of the profile, each in a sentence with its reason.
    pub limits: Vec<String>,
}

/// Time on the CPU.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OnCpu {
    /// Samples per CPU second.
    pub hz: f64,
    /// Samples by stack: thread pool, then functions, root first. Names of the kernel's functions end in `_[k]`.
    pub stacks: FoldedStacks,
    /// Samples with a stack in `stacks`.
    pub captured: u64,
    /// Samples expected: CPU time times rate.
    pub expected: f64,
    /// Records lost because a ring buffer was full. Some are samples.
    pub lost: u64,
    /// Samples dropped because there were too many distinct stacks.
    pub dropped: u64,
    /// CPU time of the processes.
    pub cpu: Duration,
}

impl OnCpu {
    /// CPU time that a sample stands for, in nanoseconds.
    pub fn ns_per_sample(&self) -> f64 {
        if self.hz > 0.0 { 1e9 / self.hz } else { 0.0 }
    }
}

/// Time off the CPU.
#[derive(Debug, Clone, PartialEq)]
pub struct OffCpu {
    /// Source of the waits: [`Method::PerfEvents`], or [`Method::States`] without stacks.
    pub method: Method,
    /// Waits by stack and kind, longest first.
    pub waits: Vec<Wait>,
    /// Waits with a stack.
    pub captured: u64,
    /// All waits. Those without a stack are in the figures of the other waits of their thread pool.
    pub expected: u64,
    /// Waits of which the start or the end was lost, and waits whose stack was dropped. Their times are not in `waits`.
    pub lost: u64,
    /// Time that threads spent runnable without a CPU, by the scheduler's own count. `None` if it does not count.
    pub run_queue: Option<Duration>,
}

/// Waits with the same stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Object of the wait.
    pub kind: WaitKind,
    /// Idle if the threads wait for work.
    pub idleness: Idleness,
    /// Kernel function that blocks. `None` if unknown.
    pub function: Option<String>,
    /// Thread pool, then functions, root first. Names of the kernel's functions end in `_[k]`.
    pub frames: Vec<String>,
    /// Number of waits.
    pub waits: u64,
    /// Their time, in nanoseconds. Waits that began before the profile count from its start.
    pub ns: u64,
}

impl OffCpu {
    /// Returns the waits that `keep` accepts as folded stacks, in nanoseconds. The innermost frame names the kind:
    /// `[blocked: lock]`.
    pub fn folded(&self, keep: impl Fn(&Wait) -> bool) -> FoldedStacks {
        let mut stacks = FoldedStacks::default();
        for wait in self.waits.iter().filter(|wait| keep(wait)) {
            let kind = wait_frame(wait.kind, wait.idleness);
            let frames = wait.frames.iter().map(String::as_str);
            stacks.add(frames.chain([kind.as_str()]), wait.ns);
        }
        stacks
    }

    /// Returns the sums of the waits by kind, longest first.
    pub fn sums(&self) -> Vec<WaitSum> {
        let mut sums: BTreeMap<(WaitKind, Idleness), WaitSum> = BTreeMap::new();
        for wait in &self.waits {
            let (kind, idleness) = (wait.kind, wait.idleness);
            let sum = sums.entry((kind, idleness)).or_insert(WaitSum {
                kind,
                idleness,
                waits: 0,
                ns: 0,
            });
            sum.waits = sum.waits.saturating_add(wait.waits);
            sum.ns = sum.ns.saturating_add(wait.ns);
        }
        let mut sums: Vec<WaitSum> = sums.into_values().collect();
        sums.sort_by_key(|sum| std::cmp::Reverse(sum.ns));
        sums
    }

    /// Time of the waits of this idleness, in nanoseconds.
    pub fn ns(&self, idleness: Idleness) -> u64 {
        let waits = self.waits.iter().filter(|wait| wait.idleness == idleness);
        waits.fold(0, |sum, wait| sum.saturating_add(wait.ns))
    }
}

impl Profile {
    /// Returns source and completeness of the time on the CPU, for the run directory. `start_ns` is the start of the profile
    /// since the start of the run, in nanoseconds.
    pub fn info(&self, start_ns: u64) -> ProfileInfo {
        ProfileInfo {
            source: self.source(),
            start_ns,
            duration_ns: ns(self.duration),
            hz: self.on_cpu.hz,
            captured: self.on_cpu.captured,
            expected: Some(self.on_cpu.expected),
            cpu_s: Some(self.on_cpu.cpu.as_secs_f64()),
        }
    }

    /// Returns the time off the CPU with its source, likewise. `None` without it.
    pub fn off_cpu_profile(&self, start_ns: u64) -> Option<OffCpuProfile> {
        let off_cpu = self.off_cpu.as_ref()?;
        let info = OffCpuInfo {
            source: self.source_by(off_cpu.method),
            method: match off_cpu.method {
                Method::States => OffCpuMethod::States,
                Method::Best | Method::PerfEvents => OffCpuMethod::PerfEvents,
            },
            threads: self.threads,
            start_ns,
            duration_ns: ns(self.duration),
            captured: off_cpu.captured,
            expected: off_cpu.expected,
            lost: off_cpu.lost,
            run_queue_ns: off_cpu.run_queue.map(ns),
            waits: off_cpu.sums(),
            limits: self.limits.clone(),
        };
        Some(OffCpuProfile {
            info,
            stacks: off_cpu.folded(|_| true),
        })
    }

    /// Names the processes, with the names of others that differ, and the method: `process 7 (python3) and 3 others, by perf
    /// events`.
    pub fn source(&self) -> String {
        self.source_by(self.method)
    }

    fn source_by(&self, method: Method) -> String {
        /// Most names of other processes.
        const NAMES_MAX: usize = 6;
        let Some(first) = self.processes.first() else {
            return "no process".to_owned();
        };
        let name = self.names.first().map_or("", String::as_str);
        let known = match name {
            "" => String::new(),
            name => format!(" ({name})"),
        };
        let mut others: Vec<&str> = Vec::new();
        for other in self.names.iter().map(String::as_str) {
            if ![name, ""].contains(&other) && !others.contains(&other) {
                others.push(other);
            }
        }
        let more = if others.len() > NAMES_MAX {
            ", …"
        } else {
            ""
        };
        others.truncate(NAMES_MAX);
        let named = match others.as_slice() {
            [] => String::new(),
            others => format!(" ({}{more})", others.join(", ")),
        };
        let by = match method {
            Method::States => "states in /proc",
            Method::Best | Method::PerfEvents => "perf events",
        };
        match self.processes.len() - 1 {
            0 => format!("process {first}{known}, by {by}"),
            1 => format!("process {first}{known} and 1 other{named}, by {by}"),
            count => format!("process {first}{known} and {count} others{named}, by {by}"),
        }
    }

    /// Returns both profiles as one, in nanoseconds: work and waits side by side, waits with an innermost frame that names
    /// their kind. Leaves out idle waits.
    pub fn folded_ns(&self) -> FoldedStacks {
        let mut stacks = match &self.off_cpu {
            Some(off_cpu) => off_cpu.folded(|wait| wait.idleness != Idleness::Idle),
            None => FoldedStacks::default(),
        };
        let ns_per_sample = self.on_cpu.ns_per_sample();
        for (frames, samples) in self.on_cpu.stacks.iter() {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                clippy::cast_possible_truncation,
                reason = "a count of samples"
            )]
            let ns = (samples as f64 * ns_per_sample).round() as u64;
            stacks.add(frames.iter().map(String::as_str), ns);
        }
        stacks
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(kind: WaitKind, idleness: Idleness, ns: u64) -> Wait {
        Wait {
            kind,
            idleness,
            function: None,
            frames: vec!["main".to_owned(), "read".to_owned()],
            waits: 1,
            ns,
        }
    }

    #[test]
    fn folds_work_and_waits_apart() {
        let mut stacks = FoldedStacks::default();
        stacks.add(["main", "read"], 3);
        let profile = Profile {
            processes: vec![1, 2, 3],
            names: ["app", "app", "worker"].map(str::to_owned).to_vec(),
            threads: 5,
            method: Method::PerfEvents,
            duration: Duration::from_secs(1),
            on_cpu: OnCpu {
                hz: 100.0,
                stacks,
                captured: 3,
                expected: 3.0,
                lost: 0,
                dropped: 0,
                cpu: Duration::from_millis(30),
            },
            off_cpu: Some(OffCpu {
                method: Method::PerfEvents,
                waits: vec![
                    wait(WaitKind::Events, Idleness::Idle, 900),
                    wait(WaitKind::Lock, Idleness::Blocked, 70),
                    wait(WaitKind::Lock, Idleness::Blocked, 7),
                ],
                captured: 3,
                expected: 3,
                lost: 0,
                run_queue: None,
            }),
            limits: Vec::new(),
        };
        assert_eq!(
            profile.folded_ns().to_string(),
            "main;read 30000000\nmain;read;[blocked: lock] 77\n"
        );
        let info = profile.off_cpu_profile(5).unwrap().info;
        assert_eq!(
            profile.info(5).source,
            "process 1 (app) and 2 others (worker), by perf events"
        );
        let sums: Vec<(u64, u64)> = info.waits.iter().map(|sum| (sum.waits, sum.ns)).collect();
        assert_eq!(sums, [(1, 900), (2, 77)]);
        let off_cpu = profile.off_cpu.unwrap();
        assert_eq!(off_cpu.ns(Idleness::Idle), 900);
        assert_eq!(
            off_cpu
                .folded(|wait| wait.idleness == Idleness::Idle)
                .to_string(),
            "main;read;[idle: events] 900\n"
        );
    }
}
