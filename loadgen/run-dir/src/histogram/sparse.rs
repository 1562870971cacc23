//! A histogram that holds only what was recorded.

use hdrhistogram::{Counter, Histogram};

/// The values of a histogram that were recorded, each with its count, in order.
///
/// A whole histogram of a run's shape takes some 270 KB, most of it zeros; a run of an hour has
/// tens of thousands. Values are exact to the histogram's three digits, and go back into one of its
/// shape exactly. Neighbouring values lie close together and most counts are small, so each pair is
/// held as the distance from the value before and the count, in three or four bytes together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SparseHistogram {
    /// Distances and counts in turn, in LEB128: seven bits a byte, the lowest first, the eighth set on
    /// all but the last.
    steps: Box<[u8]>,
    len: u64,
    max: u64,
}

impl SparseHistogram {
    /// Takes what was recorded out of a histogram.
    pub fn of<C: Counter>(histogram: &Histogram<C>) -> Self {
        let steps = histogram.iter_recorded();
        Self::of_counts(
            steps.map(|step| (step.value_iterated_to(), step.count_since_last_iteration())),
        )
    }

    /// Packs values with their counts, the smallest first.
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
            // Copied rather than shrunk: what is cut off a long piece of memory lies idle beside it.
            steps: steps.as_slice().into(),
            len,
            max,
        }
    }

    /// Each value that was recorded with its count, the smallest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut left = &*self.steps;
        let mut value = 0;
        std::iter::from_fn(move || {
            value += take(&mut left)?;
            Some((value, take(&mut left)?))
        })
    }

    /// How many values were recorded.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The greatest value; 0 where nothing was recorded.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Bytes that the packed values take.
    pub fn packed_bytes(&self) -> usize {
        self.steps.len()
    }

    /// Adds another's counts to these, value by value. Nothing is rounded: histograms of one shape have
    /// the same values.
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

    /// Adds these values to a histogram of a run's shape; one beyond its bounds counts at them.
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

/// Takes a number in LEB128 off the front; none where there is none.
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
    fn what_goes_in_comes_out_again() {
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
    fn a_sum_is_that_of_the_whole_histograms() {
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
    fn numbers_of_every_length_are_packed() {
        let counts: Vec<(u64, u64)> = (0..64)
            .map(|bit| (1_u64 << bit, (1_u64 << (bit % 57)) - 1))
            .collect();
        let packed = SparseHistogram::of_counts(counts.iter().copied());
        assert_eq!(packed.iter().collect::<Vec<_>>(), counts);
        assert_eq!(packed.max(), 1 << 63);
    }

    #[test]
    fn a_second_of_a_busy_run_is_held_in_a_few_bytes_a_value() {
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
    fn nothing_is_nothing() {
        let sparse = SparseHistogram::of(&latency_histogram::<u32>());
        assert!(sparse.is_empty());
        assert_eq!((sparse.len(), sparse.max()), (0, 0));
    }
}
