//! The shard map as a process knows it: polled several times a second.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::bucket::Bucket;
use super::shard::Directory;
use super::shard_map::ShardMap;
use crate::store::StoreError;

/// Interval between looks at the stored map.
pub(super) const POLL: Duration = Duration::from_millis(250);
/// Timeout of a look.
const LOOK_TIMEOUT: Duration = Duration::from_millis(500);
/// Age up to which a map is trusted. Reads that end later ask the shard whether it still serves the bucket.
pub(super) const TRUSTED: Duration = Duration::from_secs(1);
/// Time between the announcement of a move and the first bucket that is no longer served: by then every process
/// knows of the move, or does not trust its map.
pub(super) const SETTLING: Duration = Duration::from_secs(2);

/// The map, and when it was known to be the newest.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) map: Arc<ShardMap>,
    confirmed: Instant,
}

impl Known {
    /// Returns true if a read that used this map and ends now can't have missed a move of these buckets.
    pub(super) fn vouches_for(&self, mut buckets: impl Iterator<Item = Bucket>) -> bool {
        self.confirmed.elapsed() <= TRUSTED
            && buckets.all(|bucket| self.map.move_of(bucket).is_none())
    }
}

/// The newest known map.
#[derive(Debug)]
pub(super) struct Routes {
    directory: Arc<dyn Directory>,
    known: RwLock<Known>,
    looking: tokio::sync::Mutex<()>,
}

impl Routes {
    /// Reads the map.
    ///
    /// # Errors
    /// Those of the database, and `Other` if there is no map, or one that is not valid.
    pub(super) async fn open(directory: Arc<dyn Directory>) -> Result<Self, StoreError> {
        let confirmed = Instant::now();
        let map = read(&*directory).await?.ok_or_else(|| {
            StoreError::Other("the database of the users has no shard map".to_owned())
        })?;
        let known = Known {
            map: Arc::new(map),
            confirmed,
        };
        Ok(Self {
            directory,
            known: RwLock::new(known),
            looking: tokio::sync::Mutex::default(),
        })
    }

    /// Returns the newest known map.
    pub(super) fn known(&self) -> Known {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    /// Looks at the stored map, unless another caller has done so since this call.
    pub(super) async fn refresh(&self) {
        let asked = Instant::now();
        let _looking = self.looking.lock().await;
        if self.known().confirmed > asked {
            return;
        }
        let confirmed = Instant::now();
        match timeout(LOOK_TIMEOUT, read(&*self.directory)).await {
            Ok(Ok(Some(map))) => self.learn(map, confirmed),
            Ok(Ok(None)) => tracing::error!("the shard map is gone"),
            Ok(Err(error)) => tracing::warn!(%error, "could not read the shard map"),
            Err(_) => tracing::warn!("could not read the shard map in time"),
        }
    }

    fn learn(&self, map: ShardMap, confirmed: Instant) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if map.version() < known.map.version() {
            return;
        }
        if map.version() > known.map.version() {
            known.map = Arc::new(map);
        }
        known.confirmed = confirmed.max(known.confirmed);
    }
}

/// Reads the stored map. `None` if there is none.
pub(super) async fn read(directory: &dyn Directory) -> Result<Option<ShardMap>, StoreError> {
    let Some(text) = directory.shard_map().await? else {
        return Ok(None);
    };
    let map = serde_json::from_str(&text)
        .map_err(|error| StoreError::Other(format!("the shard map is not valid: {error}")))?;
    Ok(Some(map))
}

/// Replaces the stored map by its next version. Returns false if another process was faster.
pub(super) async fn replace(
    directory: &dyn Directory,
    next: &ShardMap,
) -> Result<bool, StoreError> {
    let text = serde_json::to_string(next)
        .map_err(|error| StoreError::Other(format!("could not write the shard map: {error}")))?;
    directory.replace_shard_map(next.version() - 1, &text).await
}
