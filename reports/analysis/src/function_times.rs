//! Self time and total time of the functions of a profile.

use std::collections::{BTreeMap, BTreeSet};

use tenfold_run_dir::FoldedStacks;

/// Samples of one function of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionTime {
    /// Name of the function.
    pub name: String,
    /// Samples in the function itself, without its callees.
    pub self_samples: u64,
    /// Samples in the function and its callees. A stack counts once, however often the function is on it.
    pub total_samples: u64,
}

/// Returns the functions of a profile, those with the most samples of their own first.
pub fn function_times(stacks: &FoldedStacks) -> Vec<FunctionTime> {
    let mut times = BTreeMap::<&str, (u64, u64)>::new();
    for (frames, samples) in stacks.iter() {
        let distinct: BTreeSet<&str> = frames.iter().map(String::as_str).collect();
        for name in distinct {
            let (_, total) = times.entry(name).or_default();
            *total = total.saturating_add(samples);
        }
        if let Some(leaf) = frames.last() {
            let (own, _) = times.entry(leaf).or_default();
            *own = own.saturating_add(samples);
        }
    }
    let functions = times.into_iter();
    let mut functions: Vec<FunctionTime> = functions
        .map(|(name, (self_samples, total_samples))| FunctionTime {
            name: name.to_owned(),
            self_samples,
            total_samples,
        })
        .collect();
    functions
        .sort_by_key(|function| std::cmp::Reverse((function.self_samples, function.total_samples)));
    functions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursion_counts_once() {
        let stacks = "main 1\nmain;walk 2\nmain;walk;walk 4\nmain;walk;walk;leaf 8\n";
        let functions = function_times(&stacks.parse().unwrap());
        let rows: Vec<(&str, u64, u64)> = functions
            .iter()
            .map(|own| (own.name.as_str(), own.self_samples, own.total_samples))
            .collect();
        assert_eq!(rows, [("leaf", 8, 8), ("walk", 6, 14), ("main", 1, 15)]);
    }

    #[test]
    fn self_samples_add_up_to_all() {
        let stacks: FoldedStacks = "a;b 3\na;c 4\nd 5\n".parse().unwrap();
        let functions = function_times(&stacks);
        let own: u64 = functions.iter().map(|function| function.self_samples).sum();
        assert_eq!(own, 12);
        assert!(function_times(&FoldedStacks::default()).is_empty());
    }
}
