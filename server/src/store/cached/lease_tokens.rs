//! Unique tokens, across processes.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Generator of tokens: 64 random bits per process, and a counter.
#[derive(Debug)]
pub(super) struct LeaseTokens {
    random: u64,
    issued: AtomicU64,
}

impl LeaseTokens {
    /// Creates a generator. The standard library seeds its hashers with random bits of the operating system.
    pub(super) fn new() -> Self {
        Self {
            random: RandomState::new().hash_one(std::process::id()),
            issued: AtomicU64::new(0),
        }
    }

    /// Returns the next token.
    pub(super) fn next(&self) -> u128 {
        let issued = self.issued.fetch_add(1, Ordering::Relaxed);
        u128::from(self.random) << 64 | u128::from(issued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_unique() {
        let (one, two) = (LeaseTokens::new(), LeaseTokens::new());
        let all: std::collections::HashSet<u128> =
            (0..100).flat_map(|_| [one.next(), two.next()]).collect();
        assert_eq!(all.len(), 200);
    }
}
