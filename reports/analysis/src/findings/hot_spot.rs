//! Functions with most of the CPU time of a service, and waits of most of its threads, from the profiles of a run.

mod hot_function;
mod hot_wait;
mod names;

pub(crate) use hot_wait::HotWait;
pub(crate) use names::has_word;

use tenfold_run_dir::{Flamegraph, Run};

use crate::findings::limit::Limit;
use crate::format;
use hot_function::{HotFunction, hot_function, kind_of_work};
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
    /// Kind of work in the CPU time that has a name of its own, with its share. `None` if none takes a fifth.
    pub(crate) work: Option<(&'static str, f64)>,
    /// In the time of threads that had work, but no CPU: by what they waited for, the most threads first.
    pub(crate) waits: Vec<HotWait>,
}

impl HotSpots {
    /// Finds the functions and waits that stand out in the profiles of a run.
    pub(crate) fn of(run: &Run) -> Self {
        let stacks = match &run.flamegraph {
            Some(Flamegraph::Stacks(stacks)) if stacks.samples() >= SAMPLES_MIN => Some(stacks),
            _ => None,
        };
        Self {
            cpu: stacks.and_then(|own| hot_function(own, &[])),
            work: stacks.and_then(|own| kind_of_work(own, own.samples())),
            waits: hot_waits(run),
        }
    }

    /// Returns the end of a title about CPU time: ", 62.0% of it in `parse`". Empty if nothing stands out.
    pub(crate) fn clause(&self) -> String {
        match (&self.cpu, self.work) {
            (Some(hot), _) => hot.clause(),
            (None, Some((work, share))) => format!(", {} of it {work}", format::percent(share)),
            (None, None) => String::new(),
        }
    }

    /// Returns the hot function, or else the kind of work, in a sentence. `None` if neither stands out.
    pub(crate) fn sentence(&self) -> Option<String> {
        match (&self.cpu, self.work) {
            (Some(hot), _) => Some(hot.sentence("CPU time")),
            (None, Some((work, share))) => Some(format!(
                "{} of the CPU time is {work}",
                format::percent(share)
            )),
            (None, None) => None,
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
            Limit::Cpu | Limit::Box | Limit::SharedHost | Limit::OneThread => self.sentence(),
        }
    }
}
