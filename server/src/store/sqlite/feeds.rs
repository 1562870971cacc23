//! Written feeds, and the outbox of posts.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::failure::failed;
use super::{SqliteStore, writes};
use crate::model::{NewPost, PostId, Timestamp, UserId};
use crate::store::feed_table::{REPAIR_RETENTION_MS, STALE};
use crate::store::{
    FeedContent, FeedEntry, FeedTable, NotedPost, Outbox, Popularity, Repair, Rewritten,
    StoreError, WrittenFeed,
};

pub(super) const HEAD: &str = "SELECT version, floor FROM feed_heads WHERE user_id = ?1";
pub(super) const ENTRIES: &str = "\
    SELECT f.post_id, f.author_id FROM feeds f \
    JOIN follows w ON w.follower_id = f.user_id AND w.followee_id = f.author_id \
    WHERE f.user_id = ?1 AND f.post_id < ?2 AND f.post_id >= ?3 ORDER BY f.post_id DESC LIMIT ?4";
pub(super) const FOLLOWERS: &str = "\
    SELECT w.follower_id, h.user_id FROM follows w LEFT JOIN feed_heads h ON h.user_id = w.follower_id \
    WHERE w.followee_id = ?1 AND w.follower_id > ?2 ORDER BY w.follower_id LIMIT ?3";
pub(super) const DELETE_OLD: &str = "DELETE FROM feeds WHERE user_id = ?1 AND post_id < ?2";
pub(super) const DELETE_UNFOLLOWED: &str = "\
    DELETE FROM feeds WHERE user_id = ?1 AND author_id NOT IN \
    (SELECT followee_id FROM follows WHERE follower_id = ?1)";
pub(super) const SET_FLOOR: &str =
    "UPDATE feed_heads SET version = version + 1, floor = ?2 WHERE user_id = ?1";
pub(super) const POPULARITY: &str = "SELECT is_leaving FROM popular_authors WHERE author_id = ?1";
pub(super) const POPULAR_FOLLOWEES: &str = "\
    SELECT w.followee_id, p.is_leaving FROM follows w CROSS JOIN popular_authors p ON p.author_id = w.followee_id \
    WHERE w.follower_id = ?1";
pub(super) const POPULAR_AUTHORS: &str =
    "SELECT author_id FROM popular_authors WHERE author_id > ?1 ORDER BY author_id LIMIT ?2";
pub(super) const USERS_AFTER: &str = "SELECT id FROM users WHERE id > ?1 ORDER BY id LIMIT ?2";
pub(super) const FORGET_NOTE: &str = "DELETE FROM outbox WHERE post_id = ?1";
/// Counters, and what they should be.
pub(super) const COUNTS: &str = "\
    SELECT u.followers, u.following, u.posts, \
    (SELECT count(*) FROM follows WHERE followee_id = ?1), \
    (SELECT count(*) FROM follows WHERE follower_id = ?1), \
    (SELECT count(*) FROM posts WHERE author_id = ?1) \
    FROM users u WHERE u.id = ?1";
const NOTED: &str = "\
    SELECT post_id, author_id, created_at FROM outbox WHERE created_at <= ?1 ORDER BY post_id LIMIT ?2";
const REPAIR: &str = "\
    SELECT started_at, checked_to, ended_at, users, counters, added, removed FROM repairs \
    WHERE started_at = ?1 OR ?1 IS NULL ORDER BY started_at DESC LIMIT 1";

type Done<T> = Result<T, StoreError>;

/// Notes a new post in the outbox.
pub(super) fn note(connection: &Connection, post: PostId, new: &NewPost) -> Done<()> {
    writes::execute(
        connection,
        "INSERT INTO outbox (post_id, author_id, created_at) VALUES (?1, ?2, ?3)",
        (post.0, new.author.0, new.created_at.0),
    )
    .map(drop)
}

/// Makes a feed stale, if it is written.
pub(super) fn spoil(connection: &Connection, user: UserId) -> Done<()> {
    writes::execute(connection, SET_FLOOR, (user.0, STALE.0)).map(drop)
}

fn head(connection: &Connection, user: UserId) -> Done<Option<(i64, PostId)>> {
    connection
        .prepare_cached(HEAD)
        .and_then(|mut statement| {
            let row = |row: &Row<'_>| Ok((row.get(0)?, PostId(row.get(1)?)));
            statement.query_row([user.0], row).optional()
        })
        .map_err(|error| failed(&error))
}

fn rows<T>(
    connection: &Connection,
    statement: &str,
    parameters: impl rusqlite::Params,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Done<Vec<T>> {
    let read = || {
        let mut statement = connection.prepare_cached(statement)?;
        let rows = statement.query_map(parameters, row)?;
        rows.collect::<rusqlite::Result<Vec<T>>>()
    };
    read().map_err(|error| failed(&error))
}

fn user_of(row: &Row<'_>) -> rusqlite::Result<UserId> {
    row.get(0).map(UserId)
}

/// Reads head and entries from one state of the database.
fn written_feed(
    connection: &Connection,
    user: UserId,
    before: PostId,
    limit: u32,
) -> Done<WrittenFeed> {
    let transaction = connection.unchecked_transaction();
    let _transaction = transaction.map_err(|error| failed(&error))?;
    let (version, floor) = head(connection, user)?.unwrap_or((0, STALE));
    if floor == STALE {
        return Ok(WrittenFeed::Stale { version });
    }
    let parameters = (user.0, before.0, floor.0, limit);
    let entries = rows(connection, ENTRIES, parameters, |row| {
        Ok(FeedEntry {
            post: PostId(row.get(0)?),
            author: UserId(row.get(1)?),
        })
    })?;
    Ok(WrittenFeed::Complete { floor, entries })
}

fn open_feed(connection: &Connection, user: UserId) -> Done<i64> {
    writes::execute(
        connection,
        "INSERT OR IGNORE INTO feed_heads (user_id, version, floor) SELECT id, 0, ?2 FROM users WHERE id = ?1",
        (user.0, STALE.0),
    )?;
    let (version, _) = head(connection, user)?.ok_or(StoreError::NotFound)?;
    Ok(version)
}

fn write_feed(
    connection: &Connection,
    user: UserId,
    version: i64,
    content: &FeedContent,
) -> Done<Option<Rewritten>> {
    if head(connection, user)?.is_none_or(|(found, _)| found != version) {
        return Ok(None);
    }
    writes::execute(connection, DELETE_OLD, (user.0, content.floor.0))?;
    let removed = writes::execute(connection, DELETE_UNFOLLOWED, [user.0])? as u64;
    let mut added = 0;
    for entry in &content.settled {
        added += insert(connection, user, *entry)?;
    }
    for entry in &content.fresh {
        insert(connection, user, *entry)?;
    }
    writes::execute(connection, SET_FLOOR, (user.0, content.floor.0))?;
    Ok(Some(Rewritten { added, removed }))
}

fn insert(connection: &Connection, user: UserId, entry: FeedEntry) -> Done<u64> {
    let inserted = writes::execute(
        connection,
        "INSERT OR IGNORE INTO feeds (user_id, post_id, author_id) VALUES (?1, ?2, ?3)",
        (user.0, entry.post.0, entry.author.0),
    )?;
    Ok(inserted as u64)
}

/// Returns the next followers of an author, and which of their feeds are written.
fn followers(
    connection: &Connection,
    author: UserId,
    after: UserId,
    limit: u32,
) -> Done<Vec<(UserId, bool)>> {
    rows(connection, FOLLOWERS, (author.0, after.0, limit), |row| {
        let head: Option<i64> = row.get(1)?;
        Ok((UserId(row.get(0)?), head.is_some()))
    })
}

fn change_popularity(connection: &Connection, author: UserId, to: Option<Popularity>) -> Done<()> {
    let statement = match to {
        Some(Popularity::Popular) => {
            "INSERT OR IGNORE INTO popular_authors (author_id, is_leaving) VALUES (?1, 0)"
        }
        Some(Popularity::Leaving) => {
            "UPDATE popular_authors SET is_leaving = 1 WHERE author_id = ?1"
        }
        None => "DELETE FROM popular_authors WHERE author_id = ?1 AND is_leaving = 1",
    };
    writes::execute(connection, statement, [author.0]).map(drop)
}

fn popularity_of(is_leaving: bool) -> Popularity {
    match is_leaving {
        true => Popularity::Leaving,
        false => Popularity::Popular,
    }
}

fn repair(connection: &Connection, started_at: Option<Timestamp>) -> Done<Option<Repair>> {
    let read = |row: &Row<'_>| {
        let count = |column: usize| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Repair {
            started_at: Timestamp(row.get(0)?),
            checked_to: UserId(row.get(1)?),
            ended_at: row.get::<_, Option<i64>>(2)?.map(Timestamp),
            users: count(3)?,
            counters: count(4)?,
            added: count(5)?,
            removed: count(6)?,
        })
    };
    connection
        .prepare_cached(REPAIR)
        .and_then(|mut statement| {
            let at = started_at.map(|at| at.0);
            statement.query_row([at], read).optional()
        })
        .map_err(|error| failed(&error))
}

fn advance_repair(connection: &Connection, from: UserId, repair: &Repair) -> Done<bool> {
    let changed = writes::execute(
        connection,
        "UPDATE repairs SET checked_to = ?3, ended_at = ?4, users = ?5, counters = ?6, added = ?7, removed = ?8 \
         WHERE started_at = ?1 AND checked_to = ?2 AND ended_at IS NULL",
        (
            repair.started_at.0,
            from.0,
            repair.checked_to.0,
            repair.ended_at.map(|at| at.0),
            repair.users.cast_signed(),
            repair.counters.cast_signed(),
            repair.added.cast_signed(),
            repair.removed.cast_signed(),
        ),
    )?;
    Ok(changed > 0)
}

/// Returns how many counters of a user are wrong, and what they should be.
pub(super) fn counts(connection: &Connection, user: UserId) -> Done<(u64, [i64; 3])> {
    let read = |row: &Row<'_>| {
        let mut columns = [0_i64; 6];
        for (index, column) in columns.iter_mut().enumerate() {
            *column = row.get(index)?;
        }
        Ok(columns)
    };
    let columns = connection
        .prepare_cached(COUNTS)
        .and_then(|mut statement| statement.query_row([user.0], read))
        .map_err(|error| failed(&error))?;
    let [followers, following, posts, counted @ ..] = columns;
    let known = [followers, following, posts];
    let wrong = known
        .iter()
        .zip(&counted)
        .filter(|(known, counted)| known != counted);
    Ok((wrong.count() as u64, counted))
}

/// Corrects the counters of a user, and returns how many were wrong.
pub(super) fn recount(connection: &Connection, user: UserId) -> Done<u64> {
    let (wrong, [followers, following, posts]) = counts(connection, user)?;
    writes::execute(
        connection,
        "UPDATE users SET followers = ?2, following = ?3, posts = ?4 WHERE id = ?1",
        (user.0, followers, following, posts),
    )?;
    Ok(wrong)
}

#[async_trait]
impl FeedTable for SqliteStore {
    async fn written_feed(&self, user: UserId, before: PostId, limit: u32) -> Done<WrittenFeed> {
        self.readers
            .list(move |connection| written_feed(connection, user, before, limit))
            .await
    }

    async fn open_feed(&self, user: UserId) -> Done<i64> {
        self.writer
            .write(move |connection| open_feed(connection, user))
            .await
    }

    async fn write_feed(
        &self,
        user: UserId,
        version: i64,
        content: FeedContent,
    ) -> Done<Option<Rewritten>> {
        self.writer
            .write(move |connection| write_feed(connection, user, version, &content))
            .await
    }

    async fn append_to_feeds(
        &self,
        entry: FeedEntry,
        after: UserId,
        limit: u32,
    ) -> Done<Option<UserId>> {
        let followers = self
            .readers
            .list(move |connection| followers(connection, entry.author, after, limit))
            .await?;
        let last = followers.last().map(|(follower, _)| *follower);
        let written = followers.into_iter().filter(|(_, is_written)| *is_written);
        let written: Vec<UserId> = written.map(|(follower, _)| follower).collect();
        if !written.is_empty() {
            self.writer
                .write(move |connection| {
                    for user in written {
                        insert(connection, user, entry)?;
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(last)
    }

    async fn spoil_feeds(&self, author: UserId, after: UserId, limit: u32) -> Done<Option<UserId>> {
        self.writer
            .write(move |connection| {
                let followers = followers(connection, author, after, limit)?;
                for (user, _) in followers.iter().filter(|(_, is_written)| *is_written) {
                    spoil(connection, *user)?;
                }
                Ok(followers.last().map(|(follower, _)| *follower))
            })
            .await
    }

    async fn spoil_all_feeds(&self) -> Done<()> {
        let is_any_complete = self.readers.point(|connection| {
            let some = "SELECT user_id FROM feed_heads WHERE floor < ?1 LIMIT 1";
            Ok(!rows(connection, some, [STALE.0], user_of)?.is_empty())
        })?;
        if !is_any_complete {
            return Ok(());
        }
        self.writer
            .write(|connection| {
                writes::execute(
                    connection,
                    "UPDATE feed_heads SET version = version + 1, floor = ?1 WHERE floor < ?1",
                    [STALE.0],
                )
                .map(drop)
            })
            .await
    }

    async fn popularity(&self, author: UserId) -> Done<Option<Popularity>> {
        self.readers.point(|connection| {
            let found = rows(connection, POPULARITY, [author.0], |row| row.get(0))?;
            Ok(found.first().copied().map(popularity_of))
        })
    }

    async fn change_popularity(&self, author: UserId, to: Option<Popularity>) -> Done<()> {
        self.writer
            .write(move |connection| change_popularity(connection, author, to))
            .await
    }

    async fn popular_followees(&self, user: UserId) -> Done<Vec<(UserId, Popularity)>> {
        self.readers
            .list(move |connection| {
                rows(connection, POPULAR_FOLLOWEES, [user.0], |row| {
                    Ok((UserId(row.get(0)?), popularity_of(row.get(1)?)))
                })
            })
            .await
    }

    async fn popular_authors(&self, after: UserId, limit: u32) -> Done<Vec<UserId>> {
        self.readers
            .list(move |connection| rows(connection, POPULAR_AUTHORS, (after.0, limit), user_of))
            .await
    }

    async fn users_after(&self, after: UserId, limit: u32) -> Done<Vec<UserId>> {
        self.readers
            .list(move |connection| rows(connection, USERS_AFTER, (after.0, limit), user_of))
            .await
    }

    async fn begin_repair(&self, started_at: Timestamp) -> Done<()> {
        self.writer
            .write(move |connection| {
                let retained = started_at.0 - REPAIR_RETENTION_MS;
                let delete = "DELETE FROM repairs WHERE started_at < ?1";
                writes::execute(connection, delete, [retained])?;
                writes::execute(
                    connection,
                    "INSERT OR IGNORE INTO repairs (started_at, checked_to, users, counters, added, removed) \
                     VALUES (?1, 0, 0, 0, 0, 0)",
                    [started_at.0],
                )
                .map(drop)
            })
            .await
    }

    async fn repair(&self, started_at: Option<Timestamp>) -> Done<Option<Repair>> {
        self.readers
            .point(|connection| repair(connection, started_at))
    }

    async fn advance_repair(&self, from: UserId, repair: Repair) -> Done<bool> {
        self.writer
            .write(move |connection| advance_repair(connection, from, &repair))
            .await
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    fn note_posts(&self) {
        self.notes_posts
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    async fn noted_posts(&self, until: Timestamp, limit: u32) -> Done<Vec<NotedPost>> {
        self.readers
            .list(move |connection| {
                rows(connection, NOTED, (until.0, limit), |row| {
                    Ok(NotedPost {
                        post: PostId(row.get(0)?),
                        author: UserId(row.get(1)?),
                        created_at: Timestamp(row.get(2)?),
                    })
                })
            })
            .await
    }

    async fn forget_note(&self, post: PostId) -> Done<bool> {
        self.writer
            .write(move |connection| {
                let removed = writes::execute(connection, FORGET_NOTE, [post.0])?;
                Ok(removed > 0)
            })
            .await
    }
}
