//! Popularity by Zipf's law.

use rand::RngExt;
use rand_distr::Zipf;

use super::Pick;
use crate::error::ScenarioError;
use crate::fields::{Fields, Value};
use crate::harmonic::harmonic;
use crate::permutation::Permutation;
use crate::stream::Stream;

/// The key of rank `r` is asked for in proportion to `1 / r^exponent`.
#[derive(Debug, Clone, PartialEq)]
pub struct Zipfian {
    /// 0 is uniform, about 1 is what the web does, more is steeper.
    pub exponent: f64,
}

impl Zipfian {
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

pub(super) fn exponent(value: &Value<'_>) -> Result<f64, ScenarioError> {
    value.number(0.0..=20.0)
}

#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    ranks: Ranks,
}

impl Sampler {
    pub(super) fn pick(&self, random: &mut Stream, shuffle: &Permutation) -> Pick {
        let rank = self.ranks.draw(random);
        Pick {
            rank,
            index: shuffle.apply(rank),
        }
    }

    pub(super) fn share_of_top(&self, k: u64) -> f64 {
        self.ranks.share_of_top(k)
    }
}

/// Ranks by Zipf's law, from 0: what the popularities that build on it share.
#[derive(Debug, Clone)]
pub(super) struct Ranks {
    pub(super) count: u64,
    pub(super) exponent: f64,
    /// The sum of all weights.
    pub(super) sum: f64,
    law: Option<Zipf<f64>>,
}

impl Ranks {
    pub(super) fn new(count: u64, exponent: f64) -> Self {
        // The law refuses only what the format has refused before: no key, a negative exponent.
        let law = Zipf::new(count as f64, exponent).ok();
        Self {
            count,
            exponent,
            sum: harmonic(count, exponent),
            law,
        }
    }

    pub(super) fn draw(&self, random: &mut Stream) -> u64 {
        let rank = self.law.as_ref().map_or(1.0, |law| random.sample(law));
        (rank as u64).clamp(1, self.count) - 1
    }

    pub(super) fn share_of_top(&self, k: u64) -> f64 {
        harmonic(k.min(self.count), self.exponent) / self.sum
    }

    /// Returns the share of one rank, from 0.
    pub(super) fn share_of(&self, rank: u64) -> f64 {
        ((rank + 1) as f64).powf(-self.exponent) / self.sum
    }
}
