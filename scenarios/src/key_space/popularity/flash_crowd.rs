//! A sudden crowd for keys that were unpopular.

use std::time::Duration;

use rand::RngExt;

use super::Pick;
use super::hot_set::hot_keys;
use super::zipfian::{Ranks, exponent};
use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::random::permutation::Permutation;
use crate::random::stream::Stream;

/// Zipfian until a given time; then a share of the requests goes to the keys that were least popular,
/// all of them equally often.
#[derive(Debug, Clone, PartialEq)]
pub struct FlashCrowd {
    /// When the crowd arrives, from the start of the run.
    pub at: Duration,
    /// Fraction of the keys that the crowd requests.
    pub hot: f64,
    /// Fraction of the requests that go to them from then on.
    pub share: f64,
    /// Zipf exponent before that, and of the other requests.
    pub exponent: f64,
}

impl FlashCrowd {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        let at = fields.required("at")?.duration()?;
        let hot = fields.required("hot")?.number(0.0..=0.5)?;
        let value = fields.required("share")?;
        let share = value.number(0.0..=1.0)?;
        if share < hot {
            return Err(value.error(format!(
                "the crowd requests {hot} of the keys, but makes only {share} of the requests"
            )));
        }
        let exponent = exponent(&fields.required("exponent")?)?;
        Ok(Self {
            at,
            hot,
            share,
            exponent,
        })
    }

    pub(super) fn sampler(&self, count: u64) -> Sampler {
        let ranks = Ranks::new(count, self.exponent);
        let hot = hot_keys(self.hot, count);
        let each = self.share / hot as f64;
        let before = 1.0 - self.share;
        // Keys that remain more popular than the crowd's keys precede them in rank.
        let (mut low, mut high) = (0, count - hot);
        while low < high {
            let middle = low + (high - low) / 2;
            match before * ranks.share_of(middle) > each + before * ranks.share_of(count - hot) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Sampler {
            at: self.at,
            share: self.share,
            hot,
            head: low,
            ranks,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    at: Duration,
    share: f64,
    /// Number of keys that the crowd requests.
    hot: u64,
    /// Number of keys that remain more popular.
    head: u64,
    ranks: Ranks,
}

impl Sampler {
    pub(super) fn pick(&self, random: &mut Stream, shuffle: &Permutation, at: Duration) -> Pick {
        // Drawn even before the crowd arrives, so that its time affects no other draws.
        let of_crowd = random.random::<f64>() < self.share;
        if at < self.at {
            let rank = self.ranks.draw(random);
            return Pick {
                rank,
                index: shuffle.apply(rank),
            };
        }
        let coldest = self.ranks.count - self.hot;
        let base = match of_crowd {
            true => coldest + random.random_range(0..self.hot),
            false => self.ranks.draw(random),
        };
        let rank = match base {
            base if base >= coldest => self.head + (base - coldest),
            base if base >= self.head => base + self.hot,
            base => base,
        };
        Pick {
            rank,
            index: shuffle.apply(base),
        }
    }

    pub(super) fn share_of_top(&self, k: u64, at: Duration) -> f64 {
        let ranks = &self.ranks;
        if at < self.at {
            return ranks.share_of_top(k);
        }
        let k = k.min(ranks.count);
        let of_crowd = k.saturating_sub(self.head).min(self.hot);
        let of_rest = k - of_crowd;
        let coldest = ranks.count - self.hot;
        let crowd_base = ranks.share_of_top(coldest + of_crowd) - ranks.share_of_top(coldest);
        self.share * of_crowd as f64 / self.hot as f64
            + (1.0 - self.share) * (ranks.share_of_top(of_rest) + crowd_base)
    }
}
