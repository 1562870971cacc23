//! Functions with the most CPU time.

use super::Profile;

/// Samples of a function.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TopFunction {
    /// Name of the function.
    pub name: String,
    /// Samples in the function itself.
    pub self_samples: u64,
    /// Samples with the function on the stack. Recursion counts once.
    pub total_samples: u64,
}

/// Returns the `n` functions with the most samples of their own, sorted by these, then by total, then by name.
pub fn top(profile: &Profile, n: usize) -> Vec<TopFunction> {
    let mut own = vec![0_u64; profile.functions.len()];
    let mut total = vec![0_u64; profile.functions.len()];
    let mut seen = Vec::new();
    for stack in &profile.stacks {
        if let Some(leaf) = stack.frames.last() {
            let samples = &mut own[*leaf as usize];
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
        (own[*b], total[*b])
            .cmp(&(own[*a], total[*a]))
            .then_with(|| profile.functions[*a].cmp(&profile.functions[*b]))
    });
    functions
        .into_iter()
        .take(n)
        .map(|function| TopFunction {
            name: profile.functions[function].clone(),
            self_samples: own[function],
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
