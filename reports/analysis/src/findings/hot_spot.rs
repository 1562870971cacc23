//! Functions with most of the CPU time of a service, and waits of most of its threads, from the profiles of a run.

mod hot_function;
mod hot_wait;
mod names;

pub(crate) use hot_wait::HotWait;
pub(crate) use names::has_word;

use tenfold_run_dir::{Flamegraph, Run};

use crate::findings::limit::Limit;
use hot_function::{HotFunction, hot_function};
use hot_wait::hot_waits;

/// Minimum number of samples of a CPU profile: the share of a function is known within 10 points then.
const SAMPLES_MIN: u64 = 100;

/// Share of the blocked threads from which one kind of wait is named.
const KIND_MIN: f64 = 0.5;

/// Functions and waits that stand out in the profiles of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HotSpots {
    /// In the CPU time.
    pub(crate) cpu: Option<HotFunction>,
    /// In the time of threads that had work, but no CPU: by what they waited for, the most threads first.
    pub(crate) waits: Vec<HotWait>,
}

impl HotSpots {
    /// Finds the functions and waits that stand out in the profiles of a run.
    pub(crate) fn of(run: &Run) -> Self {
        let cpu = match &run.flamegraph {
            Some(Flamegraph::Stacks(stacks)) if stacks.samples() >= SAMPLES_MIN => {
                hot_function(stacks, &[])
            }
            _ => None,
        };
        Self {
            cpu,
            waits: hot_waits(run),
        }
    }

    /// Returns the wait that most of the blocked threads are in. `None` if they wait for many things.
    pub(crate) fn wait(&self) -> Option<&HotWait> {
        let all: f64 = self.waits.iter().map(|wait| wait.threads).sum();
        self.waits
            .first()
            .filter(|wait| wait.threads >= KIND_MIN * all)
    }

    /// Returns what stands out for a service with this limit: CPU time if CPU is short, waits otherwise.
    pub(crate) fn evidence(&self, limit: Limit) -> Option<String> {
        match limit {
            Limit::Waiting | Limit::Unknown => self.wait().map(HotWait::sentence),
            Limit::OtherProcesses => None,
            Limit::Cpu | Limit::Box | Limit::SharedHost | Limit::OneThread => {
                self.cpu.as_ref().map(|hot| hot.sentence("CPU time"))
            }
        }
    }
}
