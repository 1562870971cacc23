//! The functions that take the most CPU time.

use super::Profile;

/// A function's share of a profile.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TopFunction {
    /// Its name.
    pub name: String,
    /// Samples in which it was running itself.
    pub self_samples: u64,
    /// Samples in which it was on the stack, however often: recursion counts once.
    pub total_samples: u64,
}

/// Returns the `n` functions that ran the most themselves; among equals those with the greater
/// total come first, then by name.
pub fn top(profile: &Profile, n: usize) -> Vec<TopFunction> {
    let mut itself = vec![0_u64; profile.functions.len()];
    let mut total = vec![0_u64; profile.functions.len()];
    let mut seen = Vec::new();
    for stack in &profile.stacks {
        if let Some(leaf) = stack.frames.last() {
            let samples = &mut itself[*leaf as usize];
            *samples = samples.saturating_add(stack.samples);
        }
        seen.clone_from(&stack.frames);
        seen.sort_unstable();
        seen.dedup();
        for frame in &seen {
            let samples = &mut total[*frame as usize];
            *samples = samples.saturating_add(stack.samples);
        }
    }
    let mut functions: Vec<usize> = (0..profile.functions.len())
        .filter(|function| total[*function] > 0)
        .collect();
    functions.sort_by(|a, b| {
        (itself[*b], total[*b])
            .cmp(&(itself[*a], total[*a]))
            .then_with(|| profile.functions[*a].cmp(&profile.functions[*b]))
    });
    functions
        .into_iter()
        .take(n)
        .map(|function| TopFunction {
            name: profile.functions[function].clone(),
            self_samples: itself[function],
            total_samples: total[function],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Stack;
    use super::*;

    #[test]
    fn recursion_counts_once() {
        let stack = |frames: &[u32], samples| Stack {
            frames: frames.to_vec(),
            samples,
        };
        let profile = Profile {
            functions: ["main", "walk", "leaf", "never"]
                .map(str::to_owned)
                .to_vec(),
            stacks: vec![
                stack(&[0], 1),
                stack(&[0, 1, 1, 1], 10),
                stack(&[0, 1, 2], 10),
            ],
            ..Profile::default()
        };
        let rows: Vec<_> = top(&profile, 10)
            .into_iter()
            .map(|row| (row.name, row.self_samples, row.total_samples))
            .collect();
        let expected = [("walk", 10, 20), ("leaf", 10, 10), ("main", 1, 21)];
        assert_eq!(
            rows,
            expected.map(|(name, own, all)| (name.to_owned(), own, all))
        );
        assert_eq!(top(&profile, 1).len(), 1);
    }
}
