//! The first page of a list of posts, and what has come to it since it was read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::changes::{Change, News};
use super::entry::{Entry, Value};
use super::key::{Key, PAGES};
use super::{CachedStore, FOLLOWEES_MAX};
use crate::model::{Page, UserId};
use crate::store::{PostList, Shared, StoreError};

/// The most people that a feed takes up one by one. Beyond, one query is less work.
const FOLLOWED_MAX: usize = 4;

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

    /// Reads a feed and puts into it what this process has written since; reads it again where that can't be
    /// told.
    async fn read_feed(&self, user: UserId, limit: u32) -> Result<Value, StoreError> {
        let core = &self.core;
        let key = Key::Feed(user, limit);
        let asked = core.changes.newest();
        // The second time it is seldom one from before this read began.
        for _ in 0..4 {
            let entry = self.read(key).await?;
            let Value::Feed(_, of) = &entry.value else {
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
                Change::FollowedBy(by) | Change::Followed(by, _) | Change::Unfollowed(by, _) => {
                    *by == user
                }
                Change::PostOf(author) => may_be_of(author),
                Change::Created(post, _) => may_be_of(&post.author),
            };
            match core.changes.news(checked, concerns) {
                News::Nothing(newest) => {
                    entry.checked.fetch_max(newest, Ordering::Relaxed);
                    return Ok(entry.value.clone());
                }
                News::Changes(changes, newest) => {
                    if let Some(feed) = self.with(&entry, &changes, limit).await {
                        let amended = Arc::new(Entry {
                            checked: newest.into(),
                            ..feed
                        });
                        core.front.replace(&key, &entry, Arc::clone(&amended));
                        return Ok(amended.value.clone());
                    }
                }
                News::Unknown => {}
            }
            core.front.forget_entry(&key, &entry);
        }
        Ok(core.entry(key).await?.value)
    }

    /// A feed with what has changed in it since, where that can be told.
    async fn with(&self, feed: &Entry, changes: &[Change], limit: u32) -> Option<Entry> {
        let max = limit as usize;
        let Value::Feed(posts, Some(of)) = &feed.value else {
            return None;
        };
        // What another process did to what is added is shown for as long as may be, no longer.
        let mut begun = feed.begun;
        let (mut posts, mut of) = (PostList::clone(posts), of.to_vec());
        let followed = |change: &&Change| matches!(change, Change::Followed(..));
        if changes.iter().filter(followed).count() > FOLLOWED_MAX {
            return None;
        }
        for change in changes {
            match change {
                // Of somebody who was followed no longer by then.
                Change::Created(post, _) if of.binary_search(&post.author).is_err() => {}
                Change::Created(post, began) => {
                    posts = posts.with(std::slice::from_ref(post), max);
                    begun = begun.min(*began);
                }
                Change::Followed(_, followee) => {
                    // Of what they have written, the newest are all that a feed so long may show.
                    let Ok(page) = self.read(Key::Posts(*followee, limit)).await else {
                        return None;
                    };
                    let Value::Posts(theirs) = &page.value else {
                        return None;
                    };
                    // Also where they are known to be followed: whom one follows and what they wrote were
                    // not read at one moment.
                    posts = posts.with(theirs, max);
                    begun = begun.min(page.begun);
                    if let Err(place) = of.binary_search(followee) {
                        of.insert(place, *followee);
                    }
                    if of.len() >= FOLLOWEES_MAX as usize {
                        return None;
                    }
                }
                Change::Unfollowed(_, followee) => {
                    if let Ok(place) = of.binary_search(followee) {
                        of.remove(place);
                    }
                    let others = posts.without(*followee);
                    // What comes in their place is not known, unless there is nothing.
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
