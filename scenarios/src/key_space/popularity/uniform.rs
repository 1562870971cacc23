//! All keys equally popular.

use rand::RngExt;

use super::Pick;
use crate::random::permutation::Permutation;
use crate::random::stream::Stream;

#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    count: u64,
}

impl Sampler {
    pub(super) fn new(count: u64) -> Self {
        Self { count }
    }

    pub(super) fn pick(&self, random: &mut Stream, shuffle: &Permutation) -> Pick {
        let rank = random.random_range(0..self.count);
        Pick {
            rank,
            index: shuffle.apply(rank),
        }
    }

    pub(super) fn share_of_top(&self, k: u64) -> f64 {
        k.min(self.count) as f64 / self.count as f64
    }
}
