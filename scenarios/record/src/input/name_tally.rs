//! Counts by name.

use std::collections::BTreeMap;

/// Counts of masked or omitted items, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameTally(BTreeMap<String, u64>);

/// Maximum number of different names.
const NAMES_MAX: usize = 1_000;

impl NameTally {
    pub(crate) fn count(&mut self, name: String) {
        if self.0.len() < NAMES_MAX || self.0.contains_key(&name) {
            *self.0.entry(name).or_default() += 1;
        }
    }

    pub(crate) fn count_all(&mut self, names: impl IntoIterator<Item = String>) {
        names.into_iter().for_each(|name| self.count(name));
    }

    /// Returns the counts, the most frequent first.
    pub(crate) fn ranked(self) -> Vec<(String, u64)> {
        let mut counts: Vec<(String, u64)> = self.0.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_bounds_names() {
        let mut tally = NameTally::default();
        tally.count_all(["b", "c", "a", "c"].map(str::to_owned));
        tally.count_all((0..2 * NAMES_MAX).map(|name| name.to_string()));
        let ranked = tally.ranked();
        assert_eq!(ranked.len(), NAMES_MAX);
        assert_eq!(ranked[0], ("c".to_owned(), 2));
    }
}
