//! Popularity by Zipf's law.

use rand::RngExt;

use super::Pick;
use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};
use crate::random::harmonic::harmonic;
use crate::random::permutation::Permutation;
use crate::random::stream::Stream;

/// The key of rank `r` is requested in proportion to `1 / r^exponent`.
#[derive(Debug, Clone, PartialEq)]
pub struct Zipfian {
    /// 0 is uniform; web traffic is about 1; higher is steeper.
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

/// Ranks by Zipf's law, from 0, shared by the popularities based on it.
///
/// The most popular ranks, which get most draws, are looked up in a table of cumulative shares. The
/// others are drawn by rejection-inversion (Hormann and Derflinger, 1996, "Rejection-inversion to
/// generate variates from monotone discrete distributions"). Both are exact for every exponent, and
/// much faster than `rand_distr::Zipf` with its three powers per draw. The functions are from `libm`,
/// so that no other crate's features can change the results of a seed.
#[derive(Debug, Clone)]
pub(super) struct Ranks {
    pub(super) count: u64,
    exponent: f64,
    /// Sum of all weights.
    sum: f64,
    /// Cumulative shares of the first ranks.
    table: Box<[f64]>,
    /// Start of the search in the table, for equal parts of the share it covers.
    guide: Box<[u16]>,
    /// Share of the ranks in the table.
    covered: f64,
    /// Integral at the start of the ranks beyond the table.
    low: f64,
    /// Integral at the end of the last rank.
    high: f64,
    /// A point within this distance of its rank needs no rejection test.
    accepted_distance: f64,
}

/// Number of ranks in the table: 8 KiB, which fits the L1 cache.
const TABLE_RANKS: u64 = 1024;

impl Ranks {
    pub(super) fn new(count: u64, exponent: f64) -> Self {
        let mut ranks = Self {
            count,
            exponent,
            sum: harmonic(count, exponent),
            table: Box::default(),
            guide: Box::default(),
            covered: 1.0,
            low: 0.0,
            high: 0.0,
            accepted_distance: 0.0,
        };
        let length = count.min(TABLE_RANKS);
        let mut cumulative = 0.0;
        ranks.table = (0..length)
            .map(|rank| {
                cumulative += ranks.share_of(rank);
                cumulative
            })
            .collect();
        if count > TABLE_RANKS {
            ranks.covered = cumulative;
            let first = (length + 1) as f64;
            ranks.low = ranks.integral(first - 0.5);
            ranks.high = ranks.integral(count as f64 + 0.5);
            ranks.accepted_distance =
                first - ranks.inverse(ranks.integral(first + 0.5) - ranks.weight(first));
        }
        let parts = 0..length;
        ranks.guide = parts
            .map(|part| {
                let share = part as f64 / length as f64 * ranks.covered;
                ranks
                    .table
                    .partition_point(|cumulative| *cumulative <= share) as u16
            })
            .collect();
        ranks
    }

    pub(super) fn draw(&self, random: &mut Stream) -> u64 {
        let share = random.random::<f64>();
        if share < self.covered {
            return self.look_up(share);
        }
        loop {
            let mass = self.high + random.random::<f64>() * (self.low - self.high);
            let x = self.inverse(mass);
            let rank = libm::floor(x + 0.5).clamp((TABLE_RANKS + 1) as f64, self.count as f64);
            if rank - x <= self.accepted_distance
                || mass >= self.integral(rank + 0.5) - self.weight(rank)
            {
                return rank as u64 - 1;
            }
        }
    }

    fn look_up(&self, share: f64) -> u64 {
        let part = (share / self.covered * self.guide.len() as f64) as usize;
        let last = self.guide.len() - 1;
        // The division may round up to the next part; one part back is always early enough.
        let mut rank = usize::from(self.guide[part.min(last).saturating_sub(1)]);
        while rank < last && self.table[rank] <= share {
            rank += 1;
        }
        rank as u64
    }

    pub(super) fn share_of_top(&self, k: u64) -> f64 {
        harmonic(k.min(self.count), self.exponent) / self.sum
    }

    /// Returns the share of one rank, from 0.
    pub(super) fn share_of(&self, rank: u64) -> f64 {
        self.weight((rank + 1) as f64) / self.sum
    }

    fn weight(&self, x: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(x))
    }

    /// Returns the integral of the weight from 1 to `x`, `(x^(1 - s) - 1) / (1 - s)`, without loss of
    /// precision for `s` near 1.
    fn integral(&self, x: f64) -> f64 {
        let logarithm = libm::log(x);
        let t = (1.0 - self.exponent) * logarithm;
        let growth = if t.abs() > 1e-8 {
            libm::expm1(t) / t
        } else {
            1.0 + 0.5 * t
        };
        growth * logarithm
    }

    /// Returns the point at which the integral has a value.
    fn inverse(&self, value: f64) -> f64 {
        // Rounding may take it below -1, outside the logarithm's domain.
        let t = (value * (1.0 - self.exponent)).max(-1.0);
        let growth = if t.abs() > 1e-8 {
            libm::log1p(t) / t
        } else {
            1.0 - 0.5 * t
        };
        libm::exp(growth * value)
    }
}
