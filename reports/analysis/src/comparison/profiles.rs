//! Differences between the profiles of two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tenfold_run_dir::off_cpu::Idleness;
use tenfold_run_dir::{Flamegraph, FoldedStacks, Run};

use crate::function_times::function_times;
use crate::summary::Summary;
use tenfold_stats::{Proportion, newcombe_interval};

/// Functions that are listed.
const FUNCTIONS_MAX: usize = 20;

/// The profiles of two runs, and their differences.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProfileComparison {
    /// Functions whose share of the CPU time differs with 95% confidence each, the largest difference first.
    pub functions: Vec<FunctionChange>,
    /// Waits of threads that had work, by what they waited for, the largest difference first.
    pub waits: Vec<WaitChange>,
    /// Stacks of the CPU time of both runs, scaled to the same number of samples.
    #[serde(skip)]
    pub stacks: [FoldedStacks; 2],
}

/// A function whose share of the CPU time differs between two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionChange {
    /// Its name.
    pub name: String,
    /// Share of its own samples, without its callees, in each run.
    pub share: [f64; 2],
    /// 95% interval of the difference of the shares.
    pub interval_95: [f64; 2],
    /// Its CPU time for a request in each run, in microseconds. `None` if the use of CPU is not known.
    pub us_per_request: [Option<f64>; 2],
}

/// Waits for one kind of object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitChange {
    /// Object of the waits: `lock`.
    pub kind: String,
    /// Threads that waited for it on average, in each run.
    pub threads: [f64; 2],
}

impl ProfileComparison {
    /// Compares two runs. `None` unless both have the stacks of a profile.
    pub(super) fn of(runs: [(&Run, &Summary); 2]) -> Option<Self> {
        let [before, after] = runs.map(|(run, _)| match &run.flamegraph {
            Some(Flamegraph::Stacks(stacks)) if stacks.samples() > 0 => Some(stacks),
            _ => None,
        });
        let stacks = [before?, after?];
        Some(Self {
            functions: functions(stacks, runs.map(|(_, summary)| summary)),
            waits: waits(runs.map(|(run, _)| run)),
            stacks: scaled(stacks),
        })
    }
}

fn functions(stacks: [&FoldedStacks; 2], summaries: [&Summary; 2]) -> Vec<FunctionChange> {
    let counts = stacks.map(|stacks| {
        let times = function_times(stacks).into_iter();
        times
            .map(|own| (own.name, own.self_samples))
            .collect::<BTreeMap<String, u64>>()
    });
    let all = stacks.map(FoldedStacks::samples);
    let us = summaries.map(|summary| {
        let usage = summary.target_usage.as_ref();
        usage.and_then(|usage| usage.cpu_us_per_request)
    });
    let names: BTreeSet<&String> = counts.iter().flat_map(BTreeMap::keys).collect();
    let changes = names.into_iter().map(|name| {
        let proportion = |side: usize| Proportion {
            hits: counts[side].get(name).copied().unwrap_or(0),
            count: all[side],
        };
        let share = [0, 1].map(|side| proportion(side).share().unwrap_or(0.0));
        FunctionChange {
            name: name.clone(),
            share,
            interval_95: newcombe_interval(proportion(1), proportion(0)),
            us_per_request: [0, 1].map(|side| us[side].map(|us| us * share[side])),
        }
    });
    // An interval without zero is a difference.
    let mut changes: Vec<FunctionChange> = changes
        .filter(|own| own.interval_95[0] > 0.0 || own.interval_95[1] < 0.0)
        .collect();
    let size = |own: &FunctionChange| (own.share[1] - own.share[0]).abs();
    changes.sort_by(|one, other| size(other).total_cmp(&size(one)));
    changes.truncate(FUNCTIONS_MAX);
    changes
}

fn waits(runs: [&Run; 2]) -> Vec<WaitChange> {
    let threads = runs.map(|run| {
        let mut threads = BTreeMap::<String, f64>::new();
        if let Some(profile) = &run.off_cpu {
            let blocked = profile.info.waits.iter();
            for wait in blocked.filter(|wait| wait.idleness == Idleness::Blocked) {
                *threads.entry(wait.kind.to_string()).or_default() +=
                    wait.ns as f64 / profile.info.duration_ns.max(1) as f64;
            }
        }
        threads
    });
    let kinds: BTreeSet<&String> = threads.iter().flat_map(BTreeMap::keys).collect();
    let mut changes: Vec<WaitChange> = kinds
        .into_iter()
        .map(|kind| WaitChange {
            kind: kind.clone(),
            threads: [0, 1].map(|side| threads[side].get(kind).copied().unwrap_or(0.0)),
        })
        .collect();
    let size = |own: &WaitChange| (own.threads[1] - own.threads[0]).abs();
    changes.sort_by(|one, other| size(other).total_cmp(&size(one)));
    changes
}

/// Scales both profiles to the samples of the larger one, so that shares are compared rather than lengths.
fn scaled(stacks: [&FoldedStacks; 2]) -> [FoldedStacks; 2] {
    let most = stacks[0].samples().max(stacks[1].samples());
    stacks.map(|own| {
        let factor = most as f64 / own.samples().max(1) as f64;
        let mut scaled = FoldedStacks::default();
        for (frames, samples) in own.iter() {
            let samples = (samples as f64 * factor).round() as u64;
            scaled.add(frames.iter().map(String::as_str), samples);
        }
        scaled
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    fn with_stacks(stacks: &str) -> Run {
        let mut run = MadeUp::stall_oracle().play();
        run.flamegraph = Some(Flamegraph::Stacks(stacks.parse().unwrap()));
        run
    }

    fn compared(before: &str, after: &str) -> Option<ProfileComparison> {
        let runs = [with_stacks(before), with_stacks(after)];
        let summaries = [&runs[0], &runs[1]].map(summarise);
        ProfileComparison::of([(&runs[0], &summaries[0]), (&runs[1], &summaries[1])])
    }

    #[test]
    fn names_functions_that_changed() {
        let found = compared("t;a 500\nt;b 500\n", "t;a 50\nt;b 50\nt;c 100\n").unwrap();
        let names: Vec<&str> = found
            .functions
            .iter()
            .map(|own| own.name.as_str())
            .collect();
        assert_eq!(names, ["c", "a", "b"]);
        assert_eq!(found.functions[0].share, [0.0, 0.5]);
        assert_eq!(found.stacks[1].samples(), 1_000);
    }

    #[test]
    fn chance_is_no_difference() {
        let found = compared("t;a 500\nt;b 500\n", "t;a 52\nt;b 48\n").unwrap();
        assert_eq!(found.functions, []);
        assert!(compared("", "t;a 1\n").is_none());
    }
}
