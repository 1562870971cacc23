//! First pages of lists of posts, and their update by later changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::changes::{Change, Delta};
use super::entry::{Entry, Value};
use super::key::{Key, PAGES};
use super::{CachedStore, FOLLOWEES_MAX};
use crate::model::{Page, UserId};
use crate::store::{PostList, Shared, StoreError};

/// Maximum number of new followees merged into a feed one by one. For more, one query is cheaper.
const FOLLOWED_MAX: usize = 4;

impl CachedStore {
    /// Returns the first page of a list. `None` if pages like this one are not cached.
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
        // A page that is not full at a higher limit has the same posts at this one. But its body would be wrong if
        // it is full at this one.
        if rounded == limit {
            return Some(Ok(posts));
        }
        Some(Ok(Shared::new(posts.newest(limit as usize))))
    }

    /// Reads a feed and applies later changes by this process. Reloads it if that is not possible.
    async fn read_feed(&self, user: UserId, limit: u32) -> Result<Value, StoreError> {
        let core = &self.core;
        let key = Key::Feed(user, limit);
        let started = core.changes.newest();
        // A reloaded entry is rarely older than the start of this read.
        for _ in 0..4 {
            let entry = self.read(key).await?;
            let Value::Feed(_, of) = &entry.value else {
                return Ok(entry.value.clone());
            };
            let checked = entry.checked.load(Ordering::Relaxed);
            // Changes made during this read need not be visible.
            if checked >= started {
                return Ok(entry.value.clone());
            }
            let may_be_of = |author: &UserId| {
                of.as_ref()
                    .is_none_or(|of| of.binary_search(author).is_ok())
            };
            let concerns = |change: &Change| match change {
                Change::FollowedBy(by) | Change::Followed(by, _) | Change::Unfollowed(by, _) => {
                    *by == user
                }
                Change::PostOf(author) => may_be_of(author),
                Change::Created(post, _) => may_be_of(&post.author),
            };
            match core.changes.delta(checked, concerns) {
                Delta::Unchanged(newest) => {
                    entry.checked.fetch_max(newest, Ordering::Relaxed);
                    return Ok(entry.value.clone());
                }
                Delta::Changes(changes, newest) => {
                    if let Some(feed) = self.with(&entry, &changes, limit).await {
                        let amended = Arc::new(Entry {
                            checked: newest.into(),
                            ..feed
                        });
                        core.local.replace(&key, &entry, Arc::clone(&amended));
                        return Ok(amended.value.clone());
                    }
                }
                Delta::Unknown => {}
            }
            core.local.invalidate_entry(&key, &entry);
        }
        Ok(core.entry(key).await?.value)
    }

    /// Applies changes to a feed. `None` if that is not possible.
    async fn with(&self, feed: &Entry, changes: &[Change], limit: u32) -> Option<Entry> {
        let max = limit as usize;
        let Value::Feed(posts, Some(of)) = &feed.value else {
            return None;
        };
        // The result expires with its oldest part: other processes may have changed any of them.
        let mut begun = feed.begun;
        let (mut posts, mut of) = (PostList::clone(posts), of.to_vec());
        let followed = |change: &&Change| matches!(change, Change::Followed(..));
        if changes.iter().filter(followed).count() > FOLLOWED_MAX {
            return None;
        }
        for change in changes {
            match change {
                // Its author was no longer followed.
                Change::Created(post, _) if of.binary_search(&post.author).is_err() => {}
                Change::Created(post, began) => {
                    posts = posts.with(std::slice::from_ref(post), max);
                    begun = begun.min(*began);
                }
                Change::Followed(_, followee) => {
                    // A feed of this length shows at most the newest posts of one user.
                    let Ok(page) = self.read(Key::Posts(*followee, limit)).await else {
                        return None;
                    };
                    let Value::Posts(theirs) = &page.value else {
                        return None;
                    };
                    // Also if they were already followed: followees and posts were not read at the same moment.
                    posts = posts.with(theirs, max);
                    begun = begun.min(page.begun);
                    if let Err(index) = of.binary_search(followee) {
                        of.insert(index, *followee);
                    }
                    if of.len() >= FOLLOWEES_MAX as usize {
                        return None;
                    }
                }
                Change::Unfollowed(_, followee) => {
                    if let Ok(index) = of.binary_search(followee) {
                        of.remove(index);
                    }
                    let others = posts.without(*followee);
                    // Posts that would move up are unknown, unless the feed was not full.
                    if others.len() < posts.len() && posts.len() >= max {
                        return None;
                    }
                    posts = others;
                }
                Change::PostOf(_) | Change::FollowedBy(_) => return None,
            }
        }
        Some(Entry {
            value: Value::Feed(Shared::new(posts), Some(of.into())),
            begun,
            checked: AtomicU64::new(0),
        })
    }
}
