//! A few keys with most of the requests.

use rand::RngExt;

use super::Pick;
use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::random::permutation::Permutation;
use crate::random::stream::Stream;

/// A few hot keys get most of the requests. Hot keys are equally popular among themselves, and so are
/// the others.
#[derive(Debug, Clone, PartialEq)]
pub struct HotSet {
    /// Fraction of the keys that are hot.
    pub hot: f64,
    /// Fraction of the requests that go to them.
    pub share: f64,
}

impl HotSet {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        let hot = fields.required("hot")?.number(0.0..=1.0)?;
        let value = fields.required("share")?;
        let share = value.number(0.0..=1.0)?;
        if share < hot {
            return Err(value
                .error(format!(
                    "{hot} of the keys are hot, but get only {share} of the requests"
                ))
                .hint("`share` must be at least `hot`"));
        }
        Ok(Self { hot, share })
    }

    pub(super) fn sampler(&self, count: u64) -> Sampler {
        let hot = hot_keys(self.hot, count);
        // If all keys are hot, they get all requests.
        let share = if hot == count { 1.0 } else { self.share };
        Sampler { count, hot, share }
    }
}

/// Returns the number of keys in a fraction: at least one.
pub(super) fn hot_keys(fraction: f64, count: u64) -> u64 {
    ((fraction * count as f64).round() as u64).clamp(1, count)
}

#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    count: u64,
    hot: u64,
    share: f64,
}

impl Sampler {
    pub(super) fn pick(&self, random: &mut Stream, shuffle: &Permutation) -> Pick {
        let rank = match self.hot == self.count || random.random::<f64>() < self.share {
            true => random.random_range(0..self.hot),
            false => random.random_range(self.hot..self.count),
        };
        Pick {
            rank,
            index: shuffle.apply(rank),
        }
    }

    pub(super) fn share_of_top(&self, k: u64) -> f64 {
        if k <= self.hot {
            return self.share * k as f64 / self.hot as f64;
        }
        let cold = (k.min(self.count) - self.hot) as f64 / (self.count - self.hot) as f64;
        self.share + (1.0 - self.share) * cold
    }
}
