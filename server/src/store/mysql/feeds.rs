//! Statements of written feeds, and of the outbox of posts.

use std::sync::LazyLock;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Transaction};

use super::failure::Failure;
use crate::model::{NewPost, PostId, Timestamp, UserId};
use crate::store::feed_table::{REPAIR_RETENTION_MS, STALE};
use crate::store::{
    FeedContent, FeedEntry, NotedPost, Popularity, Repair, Rewritten, StoreError, WrittenFeed,
};

/// Rows of an `INSERT`.
const ROWS_MAX: usize = 1_000;

/// One statement, so that head and entries are of one state of the database.
pub(super) const WRITTEN: &str = "\
    SELECT STRAIGHT_JOIN h.version, h.floor, f.post_id, f.author_id FROM feed_heads h \
    LEFT JOIN (feeds f FORCE INDEX (PRIMARY) JOIN follows w FORCE INDEX (PRIMARY) \
    ON w.follower_id = f.user_id AND w.followee_id = f.author_id) \
    ON f.user_id = h.user_id AND f.post_id >= h.floor AND f.post_id < ? \
    WHERE h.user_id = ? ORDER BY f.post_id DESC LIMIT ?";
pub(super) const VERSION: &str = "SELECT version FROM feed_heads WHERE user_id = ?";
pub(super) static LOCK_HEAD: LazyLock<String> = LazyLock::new(|| format!("{VERSION} FOR UPDATE"));
pub(super) const FOLLOWERS: &str = "\
    SELECT STRAIGHT_JOIN w.follower_id, h.user_id FROM follows w FORCE INDEX (follows_followee) \
    LEFT JOIN feed_heads h ON h.user_id = w.follower_id \
    WHERE w.followee_id = ? AND w.follower_id > ? ORDER BY w.follower_id LIMIT ?";
pub(super) const DELETE_OLD: &str = "DELETE FROM feeds WHERE user_id = ? AND post_id < ?";
pub(super) const DELETE_UNFOLLOWED: &str = "\
    DELETE f FROM feeds f LEFT JOIN follows w ON w.follower_id = f.user_id AND w.followee_id = f.author_id \
    WHERE f.user_id = ? AND w.followee_id IS NULL";
pub(super) const SET_FLOOR: &str =
    "UPDATE feed_heads SET version = version + 1, floor = ? WHERE user_id = ?";
pub(super) const POPULARITY: &str = "SELECT is_leaving FROM popular_authors WHERE author_id = ?";
pub(super) const POPULAR_FOLLOWEES: &str = "\
    SELECT STRAIGHT_JOIN w.followee_id, p.is_leaving FROM follows w FORCE INDEX (PRIMARY) \
    JOIN popular_authors p FORCE INDEX (PRIMARY) ON p.author_id = w.followee_id WHERE w.follower_id = ?";
pub(super) const POPULAR_AUTHORS: &str =
    "SELECT author_id FROM popular_authors WHERE author_id > ? ORDER BY author_id LIMIT ?";
pub(super) const USERS_AFTER: &str = "\
    SELECT id FROM users FORCE INDEX (PRIMARY) WHERE id > ? ORDER BY id LIMIT ?";
pub(super) const FORGET_NOTE: &str = "DELETE FROM outbox WHERE post_id = ?";
pub(super) const LOCK_COUNTERS: &str = "SELECT id FROM users WHERE id = ? FOR UPDATE";
/// Counters, and what they should be. Of one state of the database, since it is one statement.
pub(super) const COUNTS: &str = "\
    SELECT u.followers, u.following, u.posts, \
    (SELECT COUNT(*) FROM follows FORCE INDEX (follows_followee) WHERE followee_id = ?), \
    (SELECT COUNT(*) FROM follows FORCE INDEX (PRIMARY) WHERE follower_id = ?), \
    (SELECT COUNT(*) FROM posts FORCE INDEX (posts_author_id) WHERE author_id = ?) \
    FROM users u WHERE u.id = ?";
const NOTED: &str = "\
    SELECT post_id, author_id, created_at FROM outbox WHERE created_at <= ? ORDER BY post_id LIMIT ?";
const REPAIR: &str = "\
    SELECT started_at, checked_to, ended_at, users, counters, added, removed FROM repairs";

type Attempt<T> = Result<T, Failure>;

/// Notes a new post in the outbox.
pub(super) async fn note(tx: &mut Transaction<'_>, post: PostId, new: &NewPost) -> Attempt<()> {
    let insert = "INSERT INTO outbox (post_id, author_id, created_at) VALUES (?, ?, ?)";
    let values = (post.0, new.author.0, new.created_at.0);
    Ok(tx.exec_drop(insert, values).await?)
}

/// Makes a feed stale, if it is written.
pub(super) async fn spoil(tx: &mut Transaction<'_>, user: UserId) -> Attempt<()> {
    Ok(tx.exec_drop(SET_FLOOR, (STALE.0, user.0)).await?)
}

pub(super) async fn written_feed(
    connection: &mut Conn,
    user: UserId,
    before: PostId,
    limit: u32,
) -> Attempt<WrittenFeed> {
    type Row = (i64, i64, Option<i64>, Option<i64>);
    let rows: Vec<Row> = connection.exec(WRITTEN, (before.0, user.0, limit)).await?;
    let (version, floor) = match rows.first() {
        Some((version, floor, ..)) => (*version, PostId(*floor)),
        None => (0, STALE),
    };
    if floor == STALE {
        return Ok(WrittenFeed::Stale { version });
    }
    let entries = rows.into_iter().filter_map(|(_, _, post, author)| {
        Some(FeedEntry {
            post: PostId(post?),
            author: UserId(author?),
        })
    });
    Ok(WrittenFeed::Complete {
        floor,
        entries: entries.collect(),
    })
}

/// May run again.
pub(super) async fn open_feed(connection: &mut Conn, user: UserId) -> Attempt<i64> {
    if let Some((version,)) = connection.exec_first(VERSION, (user.0,)).await? {
        return Ok(version);
    }
    let known: Option<(i64,)> = connection
        .exec_first(super::reads::USER_EXISTS, (user.0,))
        .await?;
    known.ok_or(StoreError::NotFound)?;
    let insert = "INSERT IGNORE INTO feed_heads (user_id, version, floor) VALUES (?, 0, ?)";
    connection.exec_drop(insert, (user.0, STALE.0)).await?;
    let version: Option<(i64,)> = connection.exec_first(VERSION, (user.0,)).await?;
    Ok(version.map_or(0, |(version,)| version))
}

pub(super) async fn write_feed(
    tx: &mut Transaction<'_>,
    user: UserId,
    version: i64,
    content: &FeedContent,
) -> Attempt<Option<Rewritten>> {
    let found: Option<(i64,)> = tx.exec_first(LOCK_HEAD.as_str(), (user.0,)).await?;
    if found != Some((version,)) {
        return Ok(None);
    }
    tx.exec_drop(DELETE_OLD, (user.0, content.floor.0)).await?;
    tx.exec_drop(DELETE_UNFOLLOWED, (user.0,)).await?;
    let removed = tx.affected_rows();
    let mut added = 0;
    for some in content.settled.chunks(ROWS_MAX) {
        added += insert(tx, some.iter().map(|entry| (user, *entry))).await?;
    }
    for some in content.fresh.chunks(ROWS_MAX) {
        insert(tx, some.iter().map(|entry| (user, *entry))).await?;
    }
    tx.exec_drop(SET_FLOOR, (content.floor.0, user.0)).await?;
    Ok(Some(Rewritten { added, removed }))
}

/// Adds posts that are not in their feeds, and returns the number of those.
async fn insert(
    connection: &mut impl Queryable,
    entries: impl Iterator<Item = (UserId, FeedEntry)>,
) -> Attempt<u64> {
    let rows: Vec<String> = entries
        .map(|(user, entry)| format!("({user},{},{})", entry.post, entry.author))
        .collect();
    if rows.is_empty() {
        return Ok(0);
    }
    let rows = rows.join(",");
    let insert = format!("INSERT IGNORE INTO feeds (user_id, post_id, author_id) VALUES {rows}");
    let inserted = connection.query_iter(insert).await?;
    let count = inserted.affected_rows();
    inserted.drop_result().await?;
    Ok(count)
}

/// Returns the next followers of an author, and which of their feeds are written.
async fn followers(
    connection: &mut impl Queryable,
    author: UserId,
    after: UserId,
    limit: u32,
) -> Attempt<Vec<(UserId, bool)>> {
    let rows: Vec<(i64, Option<i64>)> = connection
        .exec(FOLLOWERS, (author.0, after.0, limit))
        .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(follower, head)| (UserId(follower), head.is_some()))
        .collect())
}

/// May run again.
pub(super) async fn append_to_feeds(
    connection: &mut Conn,
    entry: FeedEntry,
    after: UserId,
    limit: u32,
) -> Attempt<Option<UserId>> {
    let followers = followers(connection, entry.author, after, limit).await?;
    for some in followers.chunks(ROWS_MAX) {
        let written = some.iter().filter(|(_, is_written)| *is_written);
        insert(connection, written.map(|(user, _)| (*user, entry))).await?;
    }
    Ok(followers.last().map(|(follower, _)| *follower))
}

pub(super) async fn spoil_feeds(
    tx: &mut Transaction<'_>,
    author: UserId,
    after: UserId,
    limit: u32,
) -> Attempt<Option<UserId>> {
    let followers = followers(tx, author, after, limit).await?;
    for (user, _) in followers.iter().filter(|(_, is_written)| *is_written) {
        spoil(tx, *user).await?;
    }
    Ok(followers.last().map(|(follower, _)| *follower))
}

pub(super) async fn is_any_complete(connection: &mut Conn) -> Attempt<bool> {
    let some = "SELECT user_id FROM feed_heads WHERE floor < ? LIMIT 1";
    let row: Option<(i64,)> = connection.exec_first(some, (STALE.0,)).await?;
    Ok(row.is_some())
}

pub(super) async fn spoil_all_feeds(tx: &mut Transaction<'_>) -> Attempt<()> {
    let update = "UPDATE feed_heads SET version = version + 1, floor = ? WHERE floor < ?";
    Ok(tx.exec_drop(update, (STALE.0, STALE.0)).await?)
}

pub(super) async fn popularity(
    connection: &mut Conn,
    author: UserId,
) -> Attempt<Option<Popularity>> {
    let row: Option<(bool,)> = connection.exec_first(POPULARITY, (author.0,)).await?;
    Ok(row.map(|(is_leaving,)| popularity_of(is_leaving)))
}

fn popularity_of(is_leaving: bool) -> Popularity {
    match is_leaving {
        true => Popularity::Leaving,
        false => Popularity::Popular,
    }
}

/// May run again.
pub(super) async fn change_popularity(
    connection: &mut Conn,
    author: UserId,
    to: Option<Popularity>,
) -> Attempt<()> {
    let statement = match to {
        Some(Popularity::Popular) => {
            "INSERT IGNORE INTO popular_authors (author_id, is_leaving) VALUES (?, FALSE)"
        }
        Some(Popularity::Leaving) => {
            "UPDATE popular_authors SET is_leaving = TRUE WHERE author_id = ?"
        }
        None => "DELETE FROM popular_authors WHERE author_id = ? AND is_leaving",
    };
    Ok(connection.exec_drop(statement, (author.0,)).await?)
}

pub(super) async fn popular_followees(
    connection: &mut Conn,
    user: UserId,
) -> Attempt<Vec<(UserId, Popularity)>> {
    let rows: Vec<(i64, bool)> = connection.exec(POPULAR_FOLLOWEES, (user.0,)).await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(author, is_leaving)| (UserId(author), popularity_of(is_leaving)))
        .collect())
}

/// Reads identifiers of users above `after`.
pub(super) async fn users(
    connection: &mut Conn,
    statement: &'static str,
    after: UserId,
    limit: u32,
) -> Attempt<Vec<UserId>> {
    let rows: Vec<(i64,)> = connection.exec(statement, (after.0, limit)).await?;
    Ok(rows.into_iter().map(|(id,)| UserId(id)).collect())
}

pub(super) async fn begin_repair(tx: &mut Transaction<'_>, started_at: Timestamp) -> Attempt<()> {
    let retained = started_at.0 - REPAIR_RETENTION_MS;
    let delete = "DELETE FROM repairs WHERE started_at < ?";
    tx.exec_drop(delete, (retained,)).await?;
    let insert = "\
        INSERT IGNORE INTO repairs (started_at, checked_to, users, counters, added, removed) \
        VALUES (?, 0, 0, 0, 0, 0)";
    Ok(tx.exec_drop(insert, (started_at.0,)).await?)
}

pub(super) async fn repair(
    connection: &mut Conn,
    started_at: Option<Timestamp>,
) -> Attempt<Option<Repair>> {
    type Row = (i64, i64, Option<i64>, u64, u64, u64, u64);
    let row: Option<Row> = match started_at {
        Some(at) => {
            let one = format!("{REPAIR} WHERE started_at = ?");
            connection.exec_first(one, (at.0,)).await?
        }
        None => {
            let last = format!("{REPAIR} ORDER BY started_at DESC LIMIT 1");
            connection.query_first(last).await?
        }
    };
    Ok(row.map(
        |(started_at, checked_to, ended_at, users, counters, added, removed)| Repair {
            started_at: Timestamp(started_at),
            checked_to: UserId(checked_to),
            ended_at: ended_at.map(Timestamp),
            users,
            counters,
            added,
            removed,
        },
    ))
}

pub(super) async fn advance_repair(
    tx: &mut Transaction<'_>,
    from: UserId,
    repair: &Repair,
) -> Attempt<bool> {
    let update = "\
        UPDATE repairs SET checked_to = ?, ended_at = ?, users = ?, counters = ?, added = ?, removed = ? \
        WHERE started_at = ? AND checked_to = ? AND ended_at IS NULL";
    let values = (
        repair.checked_to.0,
        repair.ended_at.map(|at| at.0),
        repair.users,
        repair.counters,
        repair.added,
        repair.removed,
        repair.started_at.0,
        from.0,
    );
    tx.exec_drop(update, values).await?;
    Ok(tx.affected_rows() > 0)
}

pub(super) async fn noted_posts(
    connection: &mut Conn,
    until: Timestamp,
    limit: u32,
) -> Attempt<Vec<NotedPost>> {
    let rows: Vec<(i64, i64, i64)> = connection.exec(NOTED, (until.0, limit)).await?;
    let rows = rows
        .into_iter()
        .map(|(post, author, created_at)| NotedPost {
            post: PostId(post),
            author: UserId(author),
            created_at: Timestamp(created_at),
        });
    Ok(rows.collect())
}

/// May run again: then the note is gone.
pub(super) async fn forget_note(connection: &mut Conn, post: PostId) -> Attempt<bool> {
    connection.exec_drop(FORGET_NOTE, (post.0,)).await?;
    Ok(connection.affected_rows() > 0)
}

/// Returns how many counters of a user are wrong, and what they should be.
pub(super) async fn counts(
    connection: &mut impl Queryable,
    user: UserId,
) -> Attempt<(u64, [u64; 3])> {
    let id = user.0;
    let row: Option<[u64; 6]> = connection
        .exec_first(COUNTS, (id, id, id, id))
        .await?
        .map(|(a, b, c, d, e, f)| [a, b, c, d, e, f]);
    let [followers, following, posts, counted @ ..] = row.ok_or(StoreError::NotFound)?;
    let known = [followers, following, posts];
    let wrong = known.iter().zip(&counted);
    let wrong = wrong.filter(|(known, counted)| known != counted);
    Ok((wrong.count() as u64, counted))
}

/// Corrects the counters of a user, and returns how many were wrong. The lock keeps out writes that would change them.
pub(super) async fn recount(tx: &mut Transaction<'_>, user: UserId) -> Attempt<u64> {
    let _: Option<(i64,)> = tx.exec_first(LOCK_COUNTERS, (user.0,)).await?;
    let (wrong, [followers, following, posts]) = counts(tx, user).await?;
    let update = "UPDATE users SET followers = ?, following = ?, posts = ? WHERE id = ?";
    tx.exec_drop(update, (followers, following, posts, user.0))
        .await?;
    Ok(wrong)
}
