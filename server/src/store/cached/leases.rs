//! Tokens of which no two are the same, in this process or another.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Hands out tokens: 64 random bits that are drawn once, and a number.
#[derive(Debug)]
pub(super) struct Leases {
    drawn: u64,
    given: AtomicU64,
}

impl Leases {
    /// Draws what tells these tokens from those of other processes. The standard library seeds its
    /// hashers with random bits of the operating system.
    pub(super) fn new() -> Self {
        Self {
            drawn: RandomState::new().hash_one(std::process::id()),
            given: AtomicU64::new(0),
        }
    }

    /// The next token.
    pub(super) fn next(&self) -> u128 {
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        u128::from(self.drawn) << 64 | u128::from(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_the_same() {
        let (one, two) = (Leases::new(), Leases::new());
        let all: std::collections::HashSet<u128> =
            (0..100).flat_map(|_| [one.next(), two.next()]).collect();
        assert_eq!(all.len(), 200);
    }
}
