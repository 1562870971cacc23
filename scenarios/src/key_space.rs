//! The keys that requests ask for.

use std::time::Duration;

use crate::error::ScenarioError;
use crate::fields::Fields;
use crate::permutation::Permutation;
use crate::popularity::{Pick, Popularity, Sampler};
use crate::stream::Stream;

/// The keys that requests ask for: `first..first + count`, some more often than others.
#[derive(Debug, Clone)]
pub struct KeySpace {
    /// What requests know it by.
    pub name: String,
    /// How many keys there are.
    pub count: u64,
    /// The lowest key.
    pub first: u64,
    /// How often each is asked for.
    pub popularity: Popularity,
    shuffle: Permutation,
    sampler: Sampler,
}

/// More keys than this can't be told apart as floating-point ranks.
const MOST_KEYS: u64 = 1 << 50;

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
        fields.call(format!("keys `{name}`"));
        let first = match fields.optional("first") {
            None => 1,
            Some(value) => value.count(0..=MOST_KEYS)?,
        };
        Self::read_rest(fields, name, first, None, seed)
    }

    /// Reads the `[users]` table, whose keys are the service's users, from 0.
    pub(crate) fn read_users(fields: Fields<'_>, seed: u64) -> Result<Self, ScenarioError> {
        Self::read_rest(fields, USERS.to_owned(), 0, Some(DEFAULT_USERS), seed)
    }

    /// Returns the users of a scenario that does not say.
    pub(crate) fn default_users(seed: u64) -> Self {
        Self::new(
            USERS.to_owned(),
            DEFAULT_USERS,
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
            _ => fields.required("count")?.count(1..=MOST_KEYS)?,
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

    /// Draws a rank and a key at a time of the run.
    pub(crate) fn draw(&self, random: &mut Stream, at: Duration) -> (u64, u64) {
        let Pick { rank, index } = self.sampler.pick(random, &self.shuffle, at);
        (rank, self.first + index)
    }

    /// Returns the share of its requests that the `k` most popular keys get at a time of the run, in
    /// theory: exact sums of the popularity, no sample.
    ///
    /// `None` where there is no theory; all of today's popularities have one.
    pub fn share_of_top(&self, k: u64, at: Duration) -> Option<f64> {
        Some(self.sampler.share_of_top(k, at))
    }
}

const USERS: &str = "users";
const DEFAULT_USERS: u64 = 10_000;
