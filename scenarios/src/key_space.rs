//! Keys that requests use.

use std::time::Duration;

use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::random::permutation::Permutation;
pub(crate) mod popularity;

use crate::random::stream::Stream;
use popularity::{Pick, Popularity, Sampler};

/// A range of keys, `first..first + count`, and their popularity.
#[derive(Debug, Clone)]
pub struct KeySpace {
    /// Name used by requests.
    pub name: String,
    /// Number of keys.
    pub count: u64,
    /// Lowest key.
    pub first: u64,
    /// Distribution of requests over the keys.
    pub popularity: Popularity,
    shuffle: Permutation,
    sampler: Sampler,
}

/// Maximum number of keys; more are not distinct as floating-point ranks.
const KEYS_MAX: u64 = 1 << 50;

impl KeySpace {
    pub(crate) fn new(
        name: String,
        count: u64,
        first: u64,
        popularity: Popularity,
        seed: u64,
    ) -> Self {
        let shuffle = Permutation::new(count, seed, &format!("keys of {name}"));
        let sampler = popularity.sampler(count);
        Self {
            name,
            count,
            first,
            popularity,
            shuffle,
            sampler,
        }
    }

    /// Reads a `[[keys]]` table.
    pub(crate) fn read(mut fields: Fields<'_>, seed: u64) -> Result<Self, ScenarioError> {
        let name = fields.required("name")?.name()?;
        fields.describe(format!("keys `{name}`"));
        let first = match fields.optional("first") {
            None => 1,
            Some(value) => value.count(0..=KEYS_MAX)?,
        };
        Self::read_rest(fields, name, first, None, seed)
    }

    /// Reads the `[users]` table, whose keys are the users of the service, from 0.
    pub(crate) fn read_users(fields: Fields<'_>, seed: u64) -> Result<Self, ScenarioError> {
        Self::read_rest(fields, USERS.to_owned(), 0, Some(USERS_DEFAULT), seed)
    }

    /// Returns the users of a scenario without a `[users]` table.
    pub(crate) fn default_users(seed: u64) -> Self {
        Self::new(
            USERS.to_owned(),
            USERS_DEFAULT,
            0,
            Popularity::Uniform,
            seed,
        )
    }

    fn read_rest(
        mut fields: Fields<'_>,
        name: String,
        first: u64,
        default_count: Option<u64>,
        seed: u64,
    ) -> Result<Self, ScenarioError> {
        let count = match (fields.optional("count"), default_count) {
            (None, Some(count)) => count,
            _ => fields.required("count")?.count(1..=KEYS_MAX)?,
        };
        let popularity = match fields.optional("popularity") {
            None => Popularity::Uniform,
            Some(value) => Popularity::read(value.table("a popularity")?)?,
        };
        fields.finish()?;
        Ok(Self::new(name, count, first, popularity, seed))
    }

    /// Returns the same keys, shuffled by another seed.
    pub(crate) fn reseeded(self, seed: u64) -> Self {
        Self::new(self.name, self.count, self.first, self.popularity, seed)
    }

    /// Returns a key space with more or fewer keys of the same popularity.
    pub(crate) fn resized(&self, count: u64, seed: u64) -> Self {
        let count = count.clamp(1, KEYS_MAX);
        Self::new(
            self.name.clone(),
            count,
            self.first,
            self.popularity.clone(),
            seed,
        )
    }

    /// Draws a rank and a key at a time of the run.
    pub(crate) fn draw(&self, random: &mut Stream, at: Duration) -> (u64, u64) {
        let Pick { rank, index } = self.sampler.pick(random, &self.shuffle, at);
        (rank, self.first + index)
    }

    /// Returns the key of a rank of popularity, from 0, at the start of a run.
    pub fn key_of(&self, rank: u64) -> u64 {
        let rank = rank.min(self.count.saturating_sub(1));
        let index = match self.popularity {
            Popularity::Latest(_) => self.count - 1 - rank,
            _ => self.shuffle.apply(rank),
        };
        self.first + index
    }

    /// Returns the share of requests for the `k` most popular keys at a time of the run, computed from
    /// the distribution.
    ///
    /// `None` if it can't be computed; currently all popularities support it.
    pub fn share_of_top(&self, k: u64, at: Duration) -> Option<f64> {
        Some(self.sampler.share_of_top(k, at))
    }
}

const USERS: &str = "users";
const USERS_DEFAULT: u64 = 10_000;
