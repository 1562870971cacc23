//! Waits of most of the threads of a service.

use tenfold_run_dir::off_cpu::{Idleness, WaitKind, wait_frame};
use tenfold_run_dir::{FoldedStacks, Run};

use super::hot_function::{HotFunction, hot_function};
use super::names::LOCKS;
use crate::format;

/// Threads that wait on average from which a wait is named.
const THREADS_MIN: f64 = 0.3;

/// A wait of threads that had work to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HotWait {
    /// Object of the wait.
    pub(crate) kind: WaitKind,
    /// Threads that wait for it on average.
    pub(crate) threads: f64,
    /// The function that most of them wait in.
    pub(crate) function: Option<HotFunction>,
}

impl HotWait {
    /// Returns the wait in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let threads = format::significant(self.threads);
        let what = what(self.kind);
        match &self.function {
            Some(function) => format!(
                "{threads} threads wait {what} on average, {} of the time in `{}`",
                format::percent(function.share),
                function.name
            ),
            None => format!("{threads} threads wait {what} on average"),
        }
    }

    /// Returns the end of a title: " for a lock, in `Cache::get`".
    pub(crate) fn clause(&self) -> String {
        match &self.function {
            Some(function) => format!(" {}, in `{}`", what(self.kind), function.name),
            None => format!(" {}", what(self.kind)),
        }
    }
}

/// Returns the object of a wait, for a sentence.
fn what(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::RunQueue => "for a CPU",
        WaitKind::Throttled => "for the CPU allowance of the next period",
        WaitKind::Lock => "for a lock",
        WaitKind::Condition => "for another thread",
        WaitKind::Events | WaitKind::Poll => "for events",
        WaitKind::Accept => "for a connection",
        WaitKind::Network => "for a peer on the network",
        WaitKind::Pipe => "for a pipe",
        WaitKind::Disk => "for the disk",
        WaitKind::Memory => "for memory",
        WaitKind::Sleep => "in a sleep",
        WaitKind::Process => "for another process",
        WaitKind::Other => "for something unknown",
    }
}

/// Returns the waits that many threads are in, the most threads first.
pub(super) fn hot_waits(run: &Run) -> Vec<HotWait> {
    let Some(profile) = &run.off_cpu else {
        return Vec::new();
    };
    // A shortage of CPU is known from its use.
    let blocked = profile.info.waits.iter().filter(|wait| {
        wait.idleness == Idleness::Blocked
            && !matches!(wait.kind, WaitKind::RunQueue | WaitKind::Throttled)
    });
    let waits = blocked.map(|wait| {
        let frame = wait_frame(wait.kind, Idleness::Blocked);
        let mut own = FoldedStacks::default();
        for (frames, ns) in profile.stacks.iter() {
            if frames.last() == Some(&frame) {
                own.add(frames.iter().map(String::as_str), ns);
            }
        }
        HotWait {
            kind: wait.kind,
            threads: wait.ns as f64 / profile.info.duration_ns.max(1) as f64,
            function: hot_function(&own, LOCKS).map(|own| HotFunction { work: None, ..own }),
        }
    });
    let mut waits: Vec<HotWait> = waits.filter(|wait| wait.threads >= THREADS_MIN).collect();
    waits.sort_by(|one, other| other.threads.total_cmp(&one.threads));
    waits
}
