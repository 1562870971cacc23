//! A sum of any number of histograms, in the memory of a few.

use hdrhistogram::Histogram;

use super::SparseHistogram;

/// A sum of latency histograms, exact slot by slot.
///
/// Adding each histogram to one large sum would unpack and repack that sum every time. The sum is therefore kept in parts,
/// each at most half as long as the previous one. A value is repacked only when the sum doubles, and all parts together
/// are at most twice as long as the longest, which has at most one entry per slot.
#[derive(Debug, Clone, Default)]
pub struct HistogramSum {
    /// Longest first.
    parts: Vec<SparseHistogram>,
    len: u64,
}

impl HistogramSum {
    /// Adds a histogram.
    pub fn add(&mut self, histogram: &SparseHistogram) {
        self.len = self.len.saturating_add(histogram.len());
        let mut last = histogram.clone();
        while let Some(before) = self
            .parts
            .pop_if(|before| before.packed_bytes() <= 2 * last.packed_bytes())
        {
            last.add(&before);
        }
        self.parts.push(last);
    }

    /// Merges all parts into one. Call it when no more histograms are expected.
    pub fn settle(&mut self) {
        while let Some(mut last) = self.parts.pop() {
            match self.parts.pop() {
                Some(before) => {
                    last.add(&before);
                    self.parts.push(last);
                }
                None => {
                    self.parts.push(last);
                    return;
                }
            }
        }
    }

    /// Adds another sum.
    pub fn add_sum(&mut self, other: &Self) {
        for part in &other.parts {
            self.add(part);
        }
    }

    /// Adds the sum to a latency histogram.
    pub fn add_to(&self, sum: &mut Histogram<u64>) {
        for part in &self.parts {
            part.add_to(sum);
        }
    }

    /// Values with their counts, part by part. A value may occur more than once.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.parts.iter().flat_map(SparseHistogram::iter)
    }

    /// Number of values recorded.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the packed values.
    pub fn packed_bytes(&self) -> usize {
        self.parts.iter().map(SparseHistogram::packed_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::latency_histogram;

    #[test]
    fn sum_is_exact_in_few_parts() {
        let mut sum = HistogramSum::default();
        let mut expected = latency_histogram::<u64>();
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let mut one = latency_histogram::<u32>();
            for _ in 0..20 {
                // Knuth's MMIX generator.
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                one.saturating_record(100_000 + (state >> 40) % 10_000_000);
            }
            let one = SparseHistogram::of(&one);
            one.add_to(&mut expected);
            sum.add(&one);
        }
        let mut whole = latency_histogram::<u64>();
        sum.add_to(&mut whole);
        assert_eq!(whole, expected);
        assert_eq!(sum.len(), 40_000);
        assert_eq!(sum.iter().map(|(_, count)| count).sum::<u64>(), 40_000);
        let one = SparseHistogram::of(&expected);
        let mut settled = sum.clone();
        settled.settle();
        assert_eq!(settled.parts, std::slice::from_ref(&one));
        assert!(sum.parts.len() <= 12, "{}", sum.parts.len());
        assert!(sum.packed_bytes() <= 2 * one.packed_bytes());
    }

    #[test]
    fn adds_another_sum() {
        let of = |values: &[u64]| {
            let mut sum = HistogramSum::default();
            for value in values {
                let mut one = latency_histogram::<u32>();
                one.saturating_record(*value);
                sum.add(&SparseHistogram::of(&one));
            }
            sum
        };
        let mut both = of(&[1, 1_000]);
        both.add_sum(&of(&[1_000, 5]));
        let (mut one, mut other) = (latency_histogram::<u64>(), latency_histogram::<u64>());
        both.add_to(&mut one);
        of(&[1, 5, 1_000, 1_000]).add_to(&mut other);
        assert_eq!((one, both.len()), (other, 4));
        assert!(HistogramSum::default().is_empty());
    }
}
