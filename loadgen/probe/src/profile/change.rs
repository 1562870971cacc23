//! Functions whose CPU time changed most.

use std::collections::BTreeMap;

use super::{Profile, top};

/// Samples of a function in two profiles.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionChange {
    /// Name of the function.
    pub name: String,
    /// Samples in the function itself, in the earlier profile.
    pub before: u64,
    /// Samples in the function itself, in the later profile.
    pub after: u64,
}

/// Returns the `n` functions whose samples changed most, those that changed equally by name. Omits functions that did not
/// change.
///
/// The profiles must have the same length, rate and traffic. A function that is missing in one has 0 samples there.
pub fn changes(earlier: &Profile, later: &Profile, n: usize) -> Vec<FunctionChange> {
    let mut functions: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for function in top(earlier, usize::MAX) {
        functions.entry(function.name).or_default().0 += function.self_samples;
    }
    for function in top(later, usize::MAX) {
        functions.entry(function.name).or_default().1 += function.self_samples;
    }
    let mut changes: Vec<FunctionChange> = functions
        .into_iter()
        .filter(|(_, (before, after))| before != after)
        .map(|(name, (before, after))| FunctionChange {
            name,
            before,
            after,
        })
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.before.abs_diff(change.after)));
    changes.truncate(n);
    changes
}

#[cfg(test)]
mod tests {
    use super::super::Stack;
    use super::*;

    fn profile(stacks: &[(&[&str], u64)]) -> Profile {
        let mut profile = Profile::default();
        for (names, samples) in stacks {
            let mut frames = Vec::new();
            for name in *names {
                let known = profile.functions.iter().position(|own| own == name);
                frames.push(known.unwrap_or_else(|| {
                    profile.functions.push((*name).to_owned());
                    profile.functions.len() - 1
                }) as u32);
            }
            profile.stacks.push(Stack {
                frames,
                samples: *samples,
            });
        }
        profile
    }

    #[test]
    fn sorts_by_change_and_omits_unchanged() {
        let before = profile(&[
            (&["main", "read"], 50),
            (&["main", "hash"], 10),
            (&["main", "gone"], 5),
        ]);
        let after = profile(&[
            (&["main", "read"], 50),
            (&["main", "hash"], 40),
            (&["main", "new"], 7),
        ]);
        let changed: Vec<(String, u64, u64)> = changes(&before, &after, 10)
            .into_iter()
            .map(|change| (change.name, change.before, change.after))
            .collect();
        assert_eq!(
            changed,
            [
                ("hash".to_owned(), 10, 40),
                ("new".to_owned(), 0, 7),
                ("gone".to_owned(), 5, 0)
            ]
        );
        // A function counts only if it is the leaf. Equal changes are sorted by name.
        let called = profile(&[
            (&["main", "b"], 5),
            (&["main", "a"], 5),
            (&["main", "b", "a"], 2),
        ]);
        let names: Vec<String> = changes(&Profile::default(), &called, 10)
            .into_iter()
            .map(|change| format!("{} {}", change.name, change.after))
            .collect();
        assert_eq!(names, ["a 7", "b 5"]);
        let alike = profile(&[(&["z"], 5), (&["y"], 5)]);
        assert_eq!(changes(&Profile::default(), &alike, 1)[0].name, "y");
        assert_eq!(changes(&before, &after, 1).len(), 1);
        assert!(changes(&before, &before, 10).is_empty());
    }
}
