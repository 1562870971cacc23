//! Seeded random numbers, and text, permutations and sums built on them.

pub(crate) mod harmonic;
pub(crate) mod permutation;
pub(crate) mod stream;
pub(crate) mod words;
