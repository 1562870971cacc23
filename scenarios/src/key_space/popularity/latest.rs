//! Newest keys are the most popular.

use super::Pick;
use super::zipfian::{Ranks, exponent};
use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::random::stream::Stream;

/// The highest keys are the most popular, by Zipf's law counted from the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Latest {
    /// As for [`Zipfian`](super::Zipfian).
    pub exponent: f64,
}

impl Latest {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        Ok(Self {
            exponent: exponent(&fields.required("exponent")?)?,
        })
    }

    pub(super) fn sampler(&self, count: u64) -> Sampler {
        Sampler {
            ranks: Ranks::new(count, self.exponent),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    ranks: Ranks,
}

impl Sampler {
    pub(super) fn pick(&self, random: &mut Stream) -> Pick {
        let rank = self.ranks.draw(random);
        Pick {
            rank,
            index: self.ranks.count - 1 - rank,
        }
    }

    pub(super) fn share_of_top(&self, k: u64) -> f64 {
        self.ranks.share_of_top(k)
    }
}
