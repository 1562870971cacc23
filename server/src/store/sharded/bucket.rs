//! Buckets: the unit in which authors are placed on shards, and what the identifiers of posts say about them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{PostId, UserId};

/// Number of buckets. It never changes, because the identifiers of posts contain their bucket.
pub const BUCKETS: u16 = 1_024;

/// Exclusive upper bound of identifiers without a bucket: those of posts from before the split.
pub const SEQUENTIAL_IDS: PostId = PostId(1 << 40);

/// Bucket of an author and of their posts. Below [`BUCKETS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Bucket(u16);

impl Bucket {
    /// Returns the bucket with this number. `None` if there is none.
    #[must_use]
    pub fn new(number: u16) -> Option<Self> {
        (number < BUCKETS).then_some(Self(number))
    }

    /// Returns the bucket of an author. Neighbouring identifiers are spread, because the oldest users are often
    /// the most popular.
    #[must_use]
    pub fn of_author(author: UserId) -> Self {
        // The finaliser of SplitMix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014).
        let mut hash = author.0.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^= hash >> 31;
        Self((hash % u64::from(BUCKETS)) as u16)
    }

    /// Returns the bucket that an identifier contains. `None` for a post from before the split.
    #[must_use]
    pub fn of_post(post: PostId) -> Option<Self> {
        let number = post.0.rem_euclid(i64::from(BUCKETS));
        (post >= SEQUENTIAL_IDS).then_some(Self(number as u16))
    }

    /// Returns the number.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }

    /// Returns all buckets.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..BUCKETS).map(Self)
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u16> for Bucket {
    type Error = String;

    fn try_from(number: u16) -> Result<Self, String> {
        Self::new(number).ok_or_else(|| format!("there is no bucket {number}"))
    }
}

impl From<Bucket> for u16 {
    fn from(bucket: Bucket) -> Self {
        bucket.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbouring_authors_are_spread() {
        let mut sizes = vec![0_u32; usize::from(BUCKETS)];
        for author in 1..=102_400 {
            sizes[usize::from(Bucket::of_author(UserId(author)).number())] += 1;
        }
        // 100 each on average, with a standard deviation of 10.
        assert!(sizes.iter().all(|size| (50..150).contains(size)));
    }

    proptest! {
        #[test]
        fn every_author_has_one_bucket(author in any::<i64>()) {
            let bucket = Bucket::of_author(UserId(author));
            prop_assert!(bucket.number() < BUCKETS);
            prop_assert_eq!(bucket, Bucket::of_author(UserId(author)));
        }

        #[test]
        fn any_identifier_is_harmless(post in any::<i64>()) {
            let bucket = Bucket::of_post(PostId(post));
            prop_assert_eq!(bucket.is_some(), PostId(post) >= SEQUENTIAL_IDS);
        }
    }
}
