//! A histogram that stores only recorded values.

use hdrhistogram::{Counter, Histogram};

/// The recorded values of a latency histogram with their counts, in ascending order.
///
/// A full latency histogram takes some 270 KB, mostly zeros, and a run of an hour has tens of thousands of them. This form
/// keeps the histogram's three digits and converts back without loss. It stores each value as the distance from the
/// previous one, then the count. Both are small as a rule, and take three or four bytes together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparseHistogram {
    /// Alternating distances and counts in LEB128: seven bits a byte, lowest first, with the eighth bit set in all bytes
    /// but the last.
    steps: Box<[u8]>,
    len: u64,
    max: u64,
}

impl SparseHistogram {
    /// Packs the recorded values of a histogram.
    pub fn of<C: Counter>(histogram: &Histogram<C>) -> Self {
        let steps = histogram.iter_recorded();
        Self::of_counts(
            steps.map(|step| (step.value_iterated_to(), step.count_since_last_iteration())),
        )
    }

    /// Packs values with their counts, which must be in ascending order.
    pub(crate) fn of_counts(counts: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut steps = Vec::new();
        let (mut len, mut max) = (0, 0);
        for (value, count) in counts {
            push(&mut steps, value - max);
            push(&mut steps, count);
            len = u64::saturating_add(len, count);
            max = value;
        }
        Self {
            // Copied rather than shrunk, because shrinking would leave the spare capacity as a hole in the heap.
            steps: steps.as_slice().into(),
            len,
            max,
        }
    }

    /// Recorded values with their counts, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut left = &*self.steps;
        let mut value = 0;
        std::iter::from_fn(move || {
            value += take(&mut left)?;
            Some((value, take(&mut left)?))
        })
    }

    /// Number of values recorded.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Highest value. 0 if nothing was recorded.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Bytes of the packed values.
    pub fn packed_bytes(&self) -> usize {
        self.steps.len()
    }

    /// Adds the counts of another histogram, value by value. Nothing is rounded, because histograms of one shape have the
    /// same values.
    pub fn add(&mut self, other: &SparseHistogram) {
        let mut one = self.iter().peekable();
        let mut two = other.iter().peekable();
        let sum = std::iter::from_fn(move || match (one.peek(), two.peek()) {
            (Some((a, _)), Some((b, _))) if a < b => one.next(),
            (Some((a, m)), Some((b, n))) if a == b => {
                let both = (*a, m.saturating_add(*n));
                one.next();
                two.next();
                Some(both)
            }
            (_, Some(_)) => two.next(),
            (_, None) => one.next(),
        });
        *self = Self::of_counts(sum);
    }

    /// Adds the values to a latency histogram. Values outside its bounds count at the bounds.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        for (value, count) in self.iter() {
            sum.saturating_record_n(value, count);
        }
    }
}

/// Appends a number in LEB128.
fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a LEB128 number off the front. `None` if there is none.
fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::{LATENCY_NS_MAX, latency_histogram};

    #[test]
    fn converts_back_without_loss() {
        let mut whole = latency_histogram::<u64>();
        for value in [1, 2_047, 2_048, 123_456_789, 123_456_789, LATENCY_NS_MAX] {
            whole.record(value).unwrap();
        }
        let sparse = SparseHistogram::of(&whole);
        assert_eq!((sparse.len(), sparse.max()), (6, whole.max()));
        let mut again = latency_histogram::<u64>();
        sparse.add_to(&mut again);
        assert_eq!(again, whole);
        assert_eq!((again.min(), again.max()), (whole.min(), whole.max()));
    }

    #[test]
    fn sum_equals_sum_of_full_histograms() {
        let of = |values: &[u64]| {
            let mut whole = latency_histogram::<u64>();
            for value in values {
                whole.record(*value).unwrap();
            }
            whole
        };
        let (one, two) = (of(&[1, 5, 5, 1_000_000]), of(&[5, 7, LATENCY_NS_MAX]));
        let mut sparse = SparseHistogram::of(&one);
        sparse.add(&SparseHistogram::of(&two));
        let both = of(&[1, 5, 5, 1_000_000, 5, 7, LATENCY_NS_MAX]);
        assert_eq!(sparse, SparseHistogram::of(&both));
    }

    #[test]
    fn packs_numbers_of_every_length() {
        let counts: Vec<(u64, u64)> = (0..64)
            .map(|bit| (1_u64 << bit, (1_u64 << (bit % 57)) - 1))
            .collect();
        let packed = SparseHistogram::of_counts(counts.iter().copied());
        assert_eq!(packed.iter().collect::<Vec<_>>(), counts);
        assert_eq!(packed.max(), 1 << 63);
    }

    #[test]
    fn busy_second_takes_few_bytes_per_value() {
        let mut whole = latency_histogram::<u32>();
        for value in 0..20_000_u64 {
            whole.record(100_000 + value * value % 900_000).unwrap();
        }
        let packed = SparseHistogram::of(&whole);
        let values = packed.iter().count();
        assert!(values > 1_000, "{values}");
        assert!(
            packed.steps.len() < 5 * values,
            "{} bytes",
            packed.steps.len()
        );
    }

    #[test]
    fn empty_histogram_packs_to_nothing() {
        let sparse = SparseHistogram::of(&latency_histogram::<u32>());
        assert!(sparse.is_empty());
        assert_eq!((sparse.len(), sparse.max()), (0, 0));
    }
}
