//! A seeded shuffle of a range in constant memory.

use super::stream::{derive, mix_bits};

/// A bijection of `0..count` onto itself.
///
/// A Feistel network over the next power of two, applied repeatedly until the result is in range (Black
/// and Rogaway, 2002, "Ciphers with arbitrary finite domains"). It scatters hot keys over the range,
/// and unlike a hash never maps two ranks to the same key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Permutation {
    count: u64,
    left_bits: u32,
    right_bits: u32,
    keys: [u64; 4],
}

impl Permutation {
    /// Returns the bijection for a seed; `count` is between 1 and 2^62.
    pub(crate) fn new(count: u64, seed: u64, name: &str) -> Self {
        let bits = (64 - count.saturating_sub(1).leading_zeros()).clamp(2, 62);
        let keys = [0, 1, 2, 3].map(|round| derive(seed, name, round));
        Self {
            count,
            left_bits: bits / 2,
            right_bits: bits - bits / 2,
            keys,
        }
    }

    /// Returns the image of an index; an index out of range counts as the last.
    pub(crate) fn apply(&self, index: u64) -> u64 {
        let mut value = index.min(self.count - 1);
        loop {
            value = self.round_trip(value);
            if value < self.count {
                return value;
            }
        }
    }

    fn round_trip(&self, value: u64) -> u64 {
        let mut left = value >> self.right_bits;
        let mut right = value & mask(self.right_bits);
        for pair in self.keys.chunks_exact(2) {
            left ^= mix_bits(right ^ pair[0]) & mask(self.left_bits);
            right ^= mix_bits(left ^ pair[1]) & mask(self.right_bits);
        }
        (left << self.right_bits) | right
    }
}

fn mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_bijection() {
        for count in [1, 2, 3, 7, 64, 65, 1000, 100_000] {
            let permutation = Permutation::new(count, 42, "posts");
            let mut seen = vec![false; count as usize];
            for index in 0..count {
                let to = permutation.apply(index) as usize;
                assert!(!seen[to], "{count}: two indices go to {to}");
                seen[to] = true;
            }
        }
    }

    #[test]
    fn differs_by_seed() {
        let one = Permutation::new(1000, 1, "posts");
        let other = Permutation::new(1000, 2, "posts");
        let same = (0..1000)
            .filter(|index| one.apply(*index) == other.apply(*index))
            .count();
        assert!(same < 10, "{same} of 1000 in the same place");
    }
}
