//! The first page of a list of posts, and what has come to it since it was read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::CachedStore;
use super::changes::{Change, News};
use super::entry::{Entry, Value};
use super::key::{Key, PAGES};
use crate::model::{Page, UserId};
use crate::store::{PostList, Shared, StoreError};

impl CachedStore {
    /// The first page of a list, of at least `limit` posts where there are so many.
    pub(super) async fn page(
        &self,
        page: Page,
        key: impl Fn(u32) -> Key,
    ) -> Option<Result<Arc<Shared<PostList>>, StoreError>> {
        let limit = page.limit();
        let rounded = PAGES.into_iter().find(|rounded| limit <= *rounded)?;
        if !self.core.options.content.queries() || page.before().is_some() {
            return None;
        }
        let read = match key(rounded) {
            Key::Feed(user, limit) => self.read_feed(user, limit).await,
            key => self.read(key).await.map(|entry| entry.value.clone()),
        };
        let posts = match read {
            Ok(Value::Posts(posts) | Value::Feed(posts, _)) => posts,
            Ok(_) => return Some(Err(StoreError::NotFound)),
            Err(error) => return Some(Err(error)),
        };
        // A page that was not full at a higher limit is the same page at this one, but its body would
        // say otherwise where it is full at this one.
        if rounded == limit {
            return Some(Ok(posts));
        }
        Some(Ok(Shared::new(posts.newest(limit as usize))))
    }

    /// Reads a feed, adds to it the posts that this process has written since, and reads it again where
    /// something else has changed in it.
    async fn read_feed(&self, user: UserId, limit: u32) -> Result<Value, StoreError> {
        let core = &self.core;
        let key = Key::Feed(user, limit);
        let asked = core.changes.newest();
        // The second time it is seldom one from before this read began.
        for _ in 0..4 {
            let entry = self.read(key).await?;
            let Value::Feed(posts, of) = &entry.value else {
                return Ok(entry.value.clone());
            };
            let checked = entry.checked.load(Ordering::Relaxed);
            // What changed while this read was under way need not be in it.
            if checked >= asked {
                return Ok(entry.value.clone());
            }
            let may_be_of = |author: &UserId| {
                of.as_ref()
                    .is_none_or(|of| of.binary_search(author).is_ok())
            };
            let concerns = |change: &Change| match change {
                Change::FollowedBy(follower) => *follower == user,
                Change::PostOf(author) => may_be_of(author),
                Change::Created(post, _) => may_be_of(&post.author),
            };
            match core.changes.news(checked, concerns) {
                News::Nothing(newest) => {
                    entry.checked.fetch_max(newest, Ordering::Relaxed);
                    return Ok(entry.value.clone());
                }
                // Of a feed whose authors are not known, nobody knows whether it has them.
                News::Posts(new, began, newest) if of.is_some() => {
                    let posts = posts.with(&new, limit as usize);
                    let value = Value::Feed(Shared::new(posts), of.clone());
                    let amended = Entry {
                        value: value.clone(),
                        // What another process did to these posts meanwhile is shown for as long as may be,
                        // no longer.
                        begun: entry.begun.min(began),
                        checked: newest.into(),
                    };
                    core.front.replace(&key, &entry, Arc::new(amended));
                    return Ok(value);
                }
                News::Posts(..) | News::Unknown => core.front.forget_entry(&key, &entry),
            }
        }
        Ok(core.entry(key).await?.value)
    }
}
