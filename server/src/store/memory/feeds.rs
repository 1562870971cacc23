//! Written feeds and outbox in memory.

use std::ops::Bound::{Excluded, Unbounded};

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::model::{PostId, Timestamp, UserId};
use crate::store::feed_table::{REPAIR_RETENTION_MS, STALE};
use crate::store::{
    FeedContent, FeedEntry, FeedTable, NotedPost, Outbox, Popularity, Repair, Rewritten,
    StoreError, WrittenFeed,
};

impl Tables {
    /// Returns the followers of a user, by identifier.
    pub(super) fn followers(&self, user: UserId) -> impl Iterator<Item = UserId> {
        let mut followers: Vec<UserId> = self
            .followees
            .iter()
            .filter(|(_, followees)| followees.contains(&user))
            .map(|(follower, _)| *follower)
            .collect();
        followers.sort_unstable();
        followers.into_iter()
    }

    /// Makes a feed stale, if it is written.
    pub(super) fn spoil(&mut self, user: UserId) {
        if let Some((version, floor)) = self.heads.get_mut(&user) {
            *version += 1;
            *floor = STALE;
        }
    }

    fn is_followed(&self, user: UserId, author: UserId) -> bool {
        let followees = self.followees.get(&user);
        followees.is_some_and(|followees| followees.contains(&author))
    }

    fn followers_after(&self, author: UserId, after: UserId, limit: u32) -> Vec<UserId> {
        let followers = self.followers(author).filter(|own| *own > after);
        followers.take(limit as usize).collect()
    }
}

#[async_trait]
impl FeedTable for MemoryStore {
    async fn written_feed(
        &self,
        user: UserId,
        before: PostId,
        limit: u32,
    ) -> Result<WrittenFeed, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        let (version, floor) = tables.heads.get(&user).copied().unwrap_or((0, STALE));
        if floor == STALE {
            return Ok(WrittenFeed::Stale { version });
        }
        let entries = tables.feeds.get(&user).into_iter().flatten().rev();
        let entries = entries
            .map(|(post, author)| FeedEntry {
                post: *post,
                author: *author,
            })
            .filter(|own| own.post < before && own.post >= floor)
            .filter(|own| tables.is_followed(user, own.author));
        Ok(WrittenFeed::Complete {
            floor,
            entries: entries.take(limit as usize).collect(),
        })
    }

    async fn open_feed(&self, user: UserId) -> Result<i64, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        tables.user(user)?;
        Ok(tables.heads.entry(user).or_insert((0, STALE)).0)
    }

    async fn write_feed(
        &self,
        user: UserId,
        version: i64,
        content: FeedContent,
    ) -> Result<Option<Rewritten>, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let head = tables.heads.get_mut(&user);
        let Some(head) = head.filter(|head| head.0 == version) else {
            return Ok(None);
        };
        *head = (version + 1, content.floor);
        let mut entries = tables.feeds.remove(&user).unwrap_or_default();
        entries.retain(|post, _| *post >= content.floor);
        let before = entries.len();
        entries.retain(|_, author| tables.is_followed(user, *author));
        let removed = (before - entries.len()) as u64;
        let before = entries.len();
        entries.extend(content.settled.iter().map(|own| (own.post, own.author)));
        let added = (entries.len() - before) as u64;
        entries.extend(content.fresh.iter().map(|own| (own.post, own.author)));
        tables.feeds.insert(user, entries);
        Ok(Some(Rewritten { added, removed }))
    }

    async fn append_to_feeds(
        &self,
        entry: FeedEntry,
        after: UserId,
        limit: u32,
    ) -> Result<Option<UserId>, StoreError> {
        self.turn().await;
        let followers: Vec<(UserId, bool)> = {
            let tables = self.read()?;
            let followers = tables.followers_after(entry.author, after, limit);
            let is_written = |own: UserId| (own, tables.heads.contains_key(&own));
            followers.into_iter().map(is_written).collect()
        };
        // A database does this in two statements.
        self.turn().await;
        let mut tables = self.write()?;
        for (follower, is_written) in &followers {
            if *is_written {
                let feed = tables.feeds.entry(*follower).or_default();
                feed.insert(entry.post, entry.author);
            }
        }
        Ok(followers.last().map(|(follower, _)| *follower))
    }

    async fn spoil_feeds(
        &self,
        author: UserId,
        after: UserId,
        limit: u32,
    ) -> Result<Option<UserId>, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let followers = tables.followers_after(author, after, limit);
        for follower in &followers {
            tables.spoil(*follower);
        }
        Ok(followers.last().copied())
    }

    async fn spoil_all_feeds(&self) -> Result<(), StoreError> {
        if self
            .read()?
            .heads
            .values()
            .all(|(_, floor)| *floor == STALE)
        {
            return Ok(());
        }
        let mut tables = self.write()?;
        for (version, floor) in tables.heads.values_mut() {
            *version += 1;
            *floor = STALE;
        }
        Ok(())
    }

    async fn popularity(&self, author: UserId) -> Result<Option<Popularity>, StoreError> {
        self.turn().await;
        Ok(self.read()?.popular.get(&author).copied())
    }

    async fn change_popularity(
        &self,
        author: UserId,
        to: Option<Popularity>,
    ) -> Result<(), StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let now = tables.popular.get(&author).copied();
        match (now, to) {
            (None, Some(to @ Popularity::Popular))
            | (Some(Popularity::Popular), Some(to @ Popularity::Leaving)) => {
                tables.popular.insert(author, to);
            }
            (Some(Popularity::Leaving), None) => {
                tables.popular.remove(&author);
            }
            _ => {}
        }
        Ok(())
    }

    async fn popular_followees(
        &self,
        user: UserId,
    ) -> Result<Vec<(UserId, Popularity)>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        let popular = tables.popular.iter();
        let followed = popular.filter(|(author, _)| tables.is_followed(user, **author));
        Ok(followed.map(|(author, own)| (*author, *own)).collect())
    }

    async fn popular_authors(&self, after: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        let authors = tables.popular.range((Excluded(after), Unbounded));
        let authors = authors.take(limit as usize);
        Ok(authors.map(|(author, _)| *author).collect())
    }

    async fn users_after(&self, after: UserId, limit: u32) -> Result<Vec<UserId>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        let users = tables.users.range((Excluded(after), Unbounded));
        Ok(users.take(limit as usize).map(|(id, _)| *id).collect())
    }

    async fn begin_repair(&self, started_at: Timestamp) -> Result<(), StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let retained = Timestamp(started_at.0 - REPAIR_RETENTION_MS);
        tables.repairs = tables.repairs.split_off(&retained);
        let repairs = &mut tables.repairs;
        repairs.entry(started_at).or_insert(Repair::new(started_at));
        Ok(())
    }

    async fn repair(&self, started_at: Option<Timestamp>) -> Result<Option<Repair>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        Ok(match started_at {
            Some(at) => tables.repairs.get(&at).copied(),
            None => tables.repairs.last_key_value().map(|(_, own)| *own),
        })
    }

    async fn advance_repair(&self, from: UserId, repair: Repair) -> Result<bool, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let known = tables.repairs.get_mut(&repair.started_at);
        let Some(known) = known.filter(|own| own.checked_to == from && own.ended_at.is_none())
        else {
            return Ok(false);
        };
        *known = repair;
        Ok(true)
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    fn note_posts(&self) {
        if let Ok(mut tables) = self.write() {
            tables.outbox.get_or_insert_default();
        }
    }

    async fn noted_posts(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<NotedPost>, StoreError> {
        self.turn().await;
        let tables = self.read()?;
        let notes = tables.outbox.iter().flat_map(|outbox| outbox.values());
        let due = notes.filter(|note| note.created_at <= until);
        Ok(due.take(limit as usize).copied().collect())
    }

    async fn forget_note(&self, post: PostId) -> Result<bool, StoreError> {
        self.turn().await;
        let mut tables = self.write()?;
        let outbox = tables.outbox.as_mut();
        Ok(outbox.is_some_and(|outbox| outbox.remove(&post).is_some()))
    }
}
