//! Calls of the shard that serves a bucket, wherever that is.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;

use super::bucket::Bucket;
use super::finishing::Finishing;
use super::member::Member;
use super::resharding::Mover;
use super::shard::Shard;
use super::shard_map::ShardMap;
use super::{Core, FINISH_TIMEOUT, MOVE_PAUSE, MOVE_TIMEOUT, MOVER_TIMEOUT};
use crate::model::{PostId, UserId};
use crate::store::StoreError;

/// Finishes a move whose mover may have died.
async fn finish(mover: Arc<Mover>, finishing: Arc<Finishing>, bucket: Bucket) {
    let ended = timeout(FINISH_TIMEOUT, mover.finish(bucket)).await;
    if let Ok(Err(error)) = &ended {
        tracing::warn!(%bucket, %error, "could not finish a move");
    }
    finishing.end(bucket, matches!(ended, Ok(Ok(()))));
}

impl Core {
    /// Returns the shard to ask for a bucket. While it moves, attempts alternate between both shards.
    pub(super) fn place(
        &self,
        map: &ShardMap,
        bucket: Bucket,
        attempt: u32,
    ) -> Result<&Member, StoreError> {
        let name = match map.move_of(bucket) {
            Some(own) if attempt % 2 == 1 => &own.to,
            _ => map.shard_of(bucket),
        };
        self.members.get(name).ok_or_else(|| {
            StoreError::Unavailable(format!("this process does not know the shard {name}"))
        })
    }

    /// Waits before another attempt to find a bucket.
    pub(super) async fn look_again(
        &self,
        bucket: Bucket,
        began: Instant,
    ) -> Result<(), StoreError> {
        if began.elapsed() > MOVE_TIMEOUT {
            return Err(StoreError::Unavailable(format!(
                "bucket {bucket} is moving to another shard"
            )));
        }
        if began.elapsed() > MOVER_TIMEOUT && self.finishing.begin(bucket) {
            // The call may be cancelled before the move is finished.
            let (mover, finishing) = (Arc::clone(&self.mover), Arc::clone(&self.finishing));
            tokio::spawn(finish(mover, finishing, bucket));
        }
        self.routes.refresh().await;
        tokio::time::sleep(MOVE_PAUSE).await;
        Ok(())
    }

    /// Reads from the shard of a bucket.
    pub(super) async fn read<T, R>(
        &self,
        bucket: Bucket,
        read: impl Fn(Arc<dyn Shard>) -> R + Send,
    ) -> Result<T, StoreError>
    where
        R: Future<Output = Result<T, StoreError>> + Send,
    {
        let began = Instant::now();
        for attempt in 0.. {
            let known = self.routes.known();
            let member = self.place(&known.map, bucket, attempt)?;
            if attempt == 0 {
                member.calls.for_bucket(bucket);
            }
            let vouches = || known.vouches_for([bucket].into_iter());
            if vouches() {
                let found = member.call(read(Arc::clone(&member.store))).await;
                if vouches()
                    || matches!(found, Err(StoreError::Unavailable(_) | StoreError::Busy(_)))
                {
                    return found;
                }
            }
            let before = member.call(member.store.served(&[bucket])).await?;
            if !before.is_empty() {
                let found = member.call(read(Arc::clone(&member.store))).await;
                if member.call(member.store.served(&[bucket])).await? == before {
                    return found;
                }
            }
            self.look_again(bucket, began).await?;
        }
        unreachable!("attempts end by their time")
    }

    /// Writes to the shard of a bucket. Only a shard that serves it stores anything.
    pub(super) async fn write<T, W>(
        &self,
        bucket: Bucket,
        write: impl Fn(Arc<dyn Shard>) -> W + Send,
    ) -> Result<T, StoreError>
    where
        W: Future<Output = Result<T, StoreError>> + Send,
    {
        let began = Instant::now();
        for attempt in 0.. {
            let known = self.routes.known();
            let member = self.place(&known.map, bucket, attempt)?;
            if attempt == 0 {
                member.calls.for_bucket(bucket);
            }
            match member.call(write(Arc::clone(&member.store))).await {
                Err(StoreError::Moved) => self.look_again(bucket, began).await?,
                written => return written,
            }
        }
        unreachable!("attempts end by their time")
    }

    /// Notes that a call is for an author.
    pub(super) fn note_author(&self, author: UserId) {
        let map = self.routes.known().map;
        let shard = map.shard_of(Bucket::of_author(author));
        if let Some(member) = self.members.get(shard) {
            member.calls.for_author(author);
        }
    }

    /// Returns the bucket of a post. `NotFound` if there is none.
    pub(super) async fn bucket_of(&self, post: PostId) -> Result<Bucket, StoreError> {
        match Bucket::of_post(post) {
            Some(bucket) => Ok(bucket),
            None => self.post_authors.bucket_of(&*self.users, post).await,
        }
    }

    /// Returns the handle of a user. `NotFound` if the user is unknown.
    pub(super) async fn handle(&self, user: UserId) -> Result<Arc<str>, StoreError> {
        if let Some(handle) = self.handles.get(&user) {
            return Ok(handle);
        }
        let handle: Arc<str> = self.users.user(user).await?.handle.into();
        self.handles.insert(user, Arc::clone(&handle));
        Ok(handle)
    }
}
