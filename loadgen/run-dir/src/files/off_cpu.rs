//! `profile/off-cpu.json`: what the threads of a service waited for.
//!
//! Beside it, `profile/off-cpu.folded` has the stacks of the waits, in nanoseconds ([`FoldedStacks`]). The
//! innermost frame of each is [`wait_frame`]: `[blocked: lock]`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::FoldedStacks;

/// A profile of waits.
#[derive(Debug, Clone, PartialEq)]
pub struct OffCpuProfile {
    /// Source, completeness and sums.
    pub info: OffCpuInfo,
    /// Stacks of the waits, in nanoseconds.
    pub stacks: FoldedStacks,
}

impl OffCpuProfile {
    /// Returns the stacks without waits for work.
    pub fn without_idle(&self) -> FoldedStacks {
        let mut kept = FoldedStacks::default();
        for (frames, ns) in self.stacks.iter() {
            let kind = frames.last().map_or("", String::as_str);
            if !kind.starts_with("[idle: ") {
                kept.add(frames.iter().map(String::as_str), ns);
            }
        }
        kept
    }
}

/// Source, completeness and sums of a profile of waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OffCpuInfo {
    /// Processes, and the method that profiled them.
    pub source: String,
    /// Source of the waits.
    pub method: OffCpuMethod,
    /// Threads of the processes at the start of the capture.
    pub threads: u64,
    /// Start of the capture, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// Length of the capture, in nanoseconds.
    pub duration_ns: u64,
    /// Waits with a stack.
    pub captured: u64,
    /// All waits. The time of those without a stack is shared out among the others of their threads.
    pub expected: u64,
    /// Waits that were lost or dropped. Their time is in no figure.
    pub lost: u64,
    /// Time that threads spent runnable without a CPU, by the scheduler's own count, in nanoseconds. `None` if it does not
    /// count.
    pub run_queue_ns: Option<u64>,
    /// Waits by kind, longest first.
    pub waits: Vec<WaitSum>,
    /// Gaps of the profile, each in a sentence with its reason.
    pub limits: Vec<String>,
}

/// Source of waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffCpuMethod {
    /// Perf events: each wait, with its stack.
    PerfEvents,
    /// States of threads in `/proc`, read many times a second: no stacks.
    States,
}

/// Sum of the waits of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSum {
    /// Object of the waits.
    pub kind: WaitKind,
    /// Idle if the threads waited for work.
    pub idleness: Idleness,
    /// Number of waits.
    pub waits: u64,
    /// Their time, summed over threads, in nanoseconds.
    pub ns: u64,
}

/// Object of the wait of a thread without a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitKind {
    /// A CPU: the thread could run.
    RunQueue,
    /// The end of its control group's CPU quota period.
    Throttled,
    /// A lock of the process or of the kernel.
    Lock,
    /// A condition variable, a parked thread, a semaphore: any wait on a futex that is not a known lock.
    Condition,
    /// Events of many descriptors: epoll, io_uring.
    Events,
    /// A few descriptors: poll, select. Also a blocking call with a timeout.
    Poll,
    /// A new connection.
    Accept,
    /// Data from a peer, or room to send.
    Network,
    /// A pipe, a terminal, an eventfd.
    Pipe,
    /// A disk.
    Disk,
    /// Memory: a page that is read back, or reclaimed.
    Memory,
    /// The end of a sleep.
    Sleep,
    /// A child process or a signal.
    Process,
    /// Something else, or unknown.
    Other,
}

/// Purpose of a wait: work, or the progress of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idleness {
    /// A worker without work waits like this.
    Idle,
    /// Work in progress waits.
    Blocked,
    /// Either. The stack does not tell.
    Unknown,
}

/// Returns the innermost frame of a folded stack of a wait: `[blocked: lock]`, `[idle: events]`, `[waits: condition]`.
pub fn wait_frame(kind: WaitKind, idleness: Idleness) -> String {
    let prefix = match idleness {
        Idleness::Idle => "idle",
        Idleness::Blocked => "blocked",
        Idleness::Unknown => "waits",
    };
    format!("[{prefix}: {kind}]")
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RunQueue => "run queue",
            Self::Throttled => "throttled",
            Self::Lock => "lock",
            Self::Condition => "condition",
            Self::Events => "events",
            Self::Poll => "poll",
            Self::Accept => "accept",
            Self::Network => "network",
            Self::Pipe => "pipe",
            Self::Disk => "disk",
            Self::Memory => "memory",
            Self::Sleep => "sleep",
            Self::Process => "process",
            Self::Other => "other",
        })
    }
}
