//! A histogram that holds only what was recorded.

use hdrhistogram::{Counter, Histogram};

/// The values of a histogram that were recorded, each with its count, in order.
///
/// A whole histogram of a run's shape takes some 270 KB, most of it zeros; a run of an hour has
/// tens of thousands. Values are exact to the histogram's three digits, and go back into one of its
/// shape exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparseHistogram {
    counts: Vec<(u64, u64)>,
}

impl SparseHistogram {
    /// Takes what was recorded out of a histogram.
    pub fn of<C: Counter>(histogram: &Histogram<C>) -> Self {
        let steps = histogram.iter_recorded();
        Self {
            counts: steps
                .map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
                .collect(),
        }
    }

    /// Each value that was recorded with its count, the smallest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().copied()
    }

    /// How many values were recorded.
    pub fn len(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// Tells whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The greatest value; 0 where nothing was recorded.
    pub fn max(&self) -> u64 {
        self.counts.last().map_or(0, |(value, _)| *value)
    }

    /// Adds another's counts to these, value by value. Nothing is rounded: histograms of one shape have
    /// the same values.
    pub fn add(&mut self, other: &SparseHistogram) {
        let mut sum = Vec::with_capacity(self.counts.len() + other.counts.len());
        let mut one = self.counts.iter().copied().peekable();
        let mut two = other.counts.iter().copied().peekable();
        loop {
            let next = match (one.peek(), two.peek()) {
                (Some((a, _)), Some((b, _))) if a < b => one.next(),
                (Some((a, m)), Some((b, n))) if a == b => {
                    let both = (*a, m + n);
                    one.next();
                    two.next();
                    Some(both)
                }
                (_, Some(_)) => two.next(),
                (_, None) => one.next(),
            };
            match next {
                Some(pair) => sum.push(pair),
                None => break,
            }
        }
        self.counts = sum;
    }

    /// Adds these values to a histogram of a run's shape; one beyond its bounds counts at them.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        for (value, count) in self.iter() {
            sum.saturating_record_n(value, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interval_log::{HIGHEST_NS, histogram};

    #[test]
    fn what_goes_in_comes_out_again() {
        let mut whole = histogram::<u64>();
        for value in [1, 2_047, 2_048, 123_456_789, 123_456_789, HIGHEST_NS] {
            whole.record(value).unwrap();
        }
        let sparse = SparseHistogram::of(&whole);
        assert_eq!((sparse.len(), sparse.max()), (6, whole.max()));
        let mut again = histogram::<u64>();
        sparse.add_to(&mut again);
        assert_eq!(again, whole);
        assert_eq!((again.min(), again.max()), (whole.min(), whole.max()));
    }

    #[test]
    fn a_sum_is_that_of_the_whole_histograms() {
        let of = |values: &[u64]| {
            let mut whole = histogram::<u64>();
            for value in values {
                whole.record(*value).unwrap();
            }
            whole
        };
        let (one, two) = (of(&[1, 5, 5, 1_000_000]), of(&[5, 7, HIGHEST_NS]));
        let mut sparse = SparseHistogram::of(&one);
        sparse.add(&SparseHistogram::of(&two));
        let both = of(&[1, 5, 5, 1_000_000, 5, 7, HIGHEST_NS]);
        assert_eq!(sparse, SparseHistogram::of(&both));
    }

    #[test]
    fn nothing_is_nothing() {
        let sparse = SparseHistogram::of(&histogram::<u32>());
        assert!(sparse.is_empty());
        assert_eq!((sparse.len(), sparse.max()), (0, 0));
    }
}
