//! Streams of random numbers, one per purpose.

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

/// Random number generator of all draws: small, fast, and the same on every machine.
pub type Stream = Pcg64Mcg;

/// Returns the stream for a purpose.
///
/// Separate streams keep purposes independent: changing one part of a scenario, such as its mix, leaves
/// others, such as arrival times, unchanged.
pub fn stream(seed: u64, purpose: &str, index: u64) -> Stream {
    Stream::seed_from_u64(derive(seed, purpose, index))
}

/// Returns a seed for a purpose: the FNV-1a hash of its name, mixed by the finalizer of SplitMix64.
pub(crate) fn derive(seed: u64, purpose: &str, index: u64) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in purpose.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix_bits(mix_bits(mix_bits(seed).wrapping_add(hash)).wrapping_add(index))
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection that spreads every bit.
pub(crate) fn mix_bits(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
