//! How often what was met.

use std::collections::BTreeMap;

/// Counts by name of what was masked or left out.
#[derive(Debug, Clone, Default)]
pub(super) struct NameTally(BTreeMap<String, u64>);

/// Different names that are counted; a log made to be read badly has no more either.
const MOST_NAMES: usize = 1_000;

impl NameTally {
    pub(super) fn count(&mut self, name: String) {
        if self.0.len() < MOST_NAMES || self.0.contains_key(&name) {
            *self.0.entry(name).or_default() += 1;
        }
    }

    pub(super) fn count_all(&mut self, names: impl IntoIterator<Item = String>) {
        names.into_iter().for_each(|name| self.count(name));
    }

    /// Returns the most frequent first.
    pub(super) fn ranked(self) -> Vec<(String, u64)> {
        let mut counts: Vec<(String, u64)> = self.0.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first_and_names_are_bounded() {
        let mut tally = NameTally::default();
        tally.count_all(["b", "c", "a", "c"].map(str::to_owned));
        tally.count_all((0..2 * MOST_NAMES).map(|name| name.to_string()));
        let ranked = tally.ranked();
        assert_eq!(ranked.len(), MOST_NAMES);
        assert_eq!(ranked[0], ("c".to_owned(), 2));
    }
}
