//! Notes of new posts, on the shard that wrote them.

use async_trait::async_trait;
use futures_util::future::join_all;

use super::{Bucket, ShardedStore};
use crate::model::{PostId, Timestamp};
use crate::store::{NotedPost, Outbox, StoreError};

#[async_trait]
impl Outbox for ShardedStore {
    fn note_posts(&self) {
        for member in self.core.members.values() {
            member.store.note_posts();
        }
    }

    async fn noted_posts(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<NotedPost>, StoreError> {
        let members = self.core.members.values();
        let looks = members.map(|member| member.call(member.store.noted_posts(until, limit)));
        let mut notes = Vec::new();
        for found in join_all(looks).await {
            match found {
                Ok(found) => notes.extend(found),
                // Its notes stay until it is back.
                Err(StoreError::Unavailable(_) | StoreError::Busy(_)) => {}
                Err(error) => return Err(error),
            }
        }
        notes.sort_unstable_by_key(|note: &NotedPost| note.created_at);
        notes.truncate(limit as usize);
        Ok(notes)
    }

    async fn forget_note(&self, post: PostId) -> Result<bool, StoreError> {
        let map = self.core.routes.known().map;
        let owner = match Bucket::of_post(post) {
            Some(bucket) => map.shard_of(bucket).to_owned(),
            None => String::new(),
        };
        let members = self.core.members.values();
        let (owners, others): (Vec<_>, Vec<_>) = members.partition(|own| own.name == owner);
        // Notes do not move with their bucket.
        for member in owners.into_iter().chain(others) {
            if member.call(member.store.forget_note(post)).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
