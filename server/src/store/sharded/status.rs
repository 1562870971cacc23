//! What a process reports about its shards, and the moves that it makes in the background.

use std::sync::{Arc, PoisonError};

use serde::Serialize;

use super::{Goal, HotBucket, Moved, ShardCalls, ShardedStore};
use crate::store::StoreError;

/// Shards as one process knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardsStatus {
    /// Version of the shard map.
    pub version: u64,
    /// Shards, by name.
    pub shards: Vec<ShardStatus>,
    /// Number of buckets that are moving, or whose old posts are not removed yet.
    pub moves: usize,
    /// Moves that this process makes, or has made.
    pub spreading: Spreading,
    /// Feeds answered without some shard.
    pub incomplete_feeds: u64,
}

/// A shard as one process knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardStatus {
    /// Name.
    pub name: String,
    /// Number of buckets that the map gives it.
    pub buckets: usize,
    /// False after three failed calls in a row, until one succeeds.
    pub responds: bool,
}

/// Moves made by one process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Spreading {
    /// It has made none.
    #[default]
    None,
    /// In progress.
    Running,
    /// Done.
    Done {
        /// Buckets that have changed shards.
        buckets: u64,
        /// Posts copied, without later changes.
        posts: u64,
        /// Changes copied since.
        changes: u64,
        /// Longest time for which the writes of one bucket waited, in milliseconds.
        wait_ms_max: u64,
    },
    /// Failed. The next attempt continues.
    Failed {
        /// Cause.
        reason: String,
    },
}

impl From<Result<Moved, StoreError>> for Spreading {
    fn from(ended: Result<Moved, StoreError>) -> Self {
        match ended {
            Ok(moved) => Self::Done {
                buckets: moved.buckets,
                posts: moved.posts,
                changes: moved.changes,
                wait_ms_max: u64::try_from(moved.longest_wait.as_millis()).unwrap_or(u64::MAX),
            },
            Err(error) => Self::Failed {
                reason: error.to_string(),
            },
        }
    }
}

impl ShardedStore {
    /// Returns the shards as this process knows them.
    #[must_use]
    pub fn status(&self) -> ShardsStatus {
        let core = &self.core;
        let map = core.routes.known().map;
        let shards = core.members.values().map(|member| ShardStatus {
            name: member.name.clone(),
            buckets: map.buckets_of(&member.name).count(),
            responds: member.responds(),
        });
        let spreading = core.spreading.lock();
        ShardsStatus {
            version: map.version(),
            shards: shards.collect(),
            moves: map.moves().len(),
            spreading: spreading.unwrap_or_else(PoisonError::into_inner).clone(),
            incomplete_feeds: core
                .incomplete_feeds
                .load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// Returns the calls of each shard by this process, with its number of buckets.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, usize, ShardCalls)> {
        let map = self.core.routes.known().map;
        let members = self.core.members.values();
        let calls = members.map(|member| {
            let buckets = map.buckets_of(&member.name).count();
            (member.name.clone(), buckets, member.calls.snapshot())
        });
        calls.collect()
    }

    /// Returns the number of feeds that this process answered without some shard.
    #[must_use]
    pub fn incomplete_feeds(&self) -> u64 {
        let count = &self.core.incomplete_feeds;
        count.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Returns the names of all shards that this process was given.
    #[must_use]
    pub fn known_shards(&self) -> Vec<String> {
        self.core.members.keys().cloned().collect()
    }

    /// Begins to spread the buckets evenly over these shards, in the background.
    ///
    /// # Errors
    /// `Invalid` if a shard is not known, `Conflict` if this process is still moving buckets.
    pub fn spread(&self, shards: Vec<String>) -> Result<(), StoreError> {
        for shard in &shards {
            self.require_known(shard)?;
        }
        self.begin(Goal::Even(shards))
    }

    /// Begins to move buckets away from a shard, except for the one that most of its calls are for, in the background.
    ///
    /// # Errors
    /// `Invalid` if the shard is not known, or had no calls lately. `Conflict` if this process is still moving buckets.
    pub fn relieve(&self, shard: String) -> Result<(), StoreError> {
        self.require_known(&shard)?;
        let mut all = 0.0;
        let mut hot = None;
        for (name, _, calls) in self.calls() {
            all += calls.count as f64;
            if name == shard {
                hot = calls.hottest_bucket.map(|own| (own, calls.count as f64));
            }
        }
        let Some(((bucket, share), own)) = hot.filter(|_| all > 0.0) else {
            return Err(StoreError::Invalid(format!(
                "the shard `{shard}` had no calls of this process lately"
            )));
        };
        let share = share * own / all;
        self.begin(Goal::Relieved(shard, HotBucket { bucket, share }))
    }

    fn require_known(&self, shard: &String) -> Result<(), StoreError> {
        let known = self.known_shards();
        if known.contains(shard) {
            return Ok(());
        }
        Err(StoreError::Invalid(format!(
            "there is no shard `{shard}`; the shards are {}",
            known.join(", ")
        )))
    }

    fn begin(&self, goal: Goal) -> Result<(), StoreError> {
        let core = Arc::clone(&self.core);
        let mut spreading = core
            .spreading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *spreading == Spreading::Running {
            let busy = "this process is still moving buckets";
            return Err(StoreError::Conflict(busy.to_owned()));
        }
        *spreading = Spreading::Running;
        drop(spreading);
        let task = Arc::clone(&core);
        tokio::spawn(async move {
            let ended = task.mover.reach(&goal).await;
            match &ended {
                Ok(moved) => tracing::info!(?moved, "the buckets are spread"),
                Err(error) => tracing::error!(%error, "could not move buckets"),
            }
            task.routes.refresh().await;
            *task
                .spreading
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = ended.into();
        });
        Ok(())
    }
}
