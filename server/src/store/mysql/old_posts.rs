//! Old posts of a MySQL database, which move elsewhere.

use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Row, Transaction, Value};

use super::{Backoff, Failure, MysqlStore, READ_TIMEOUT, begin, within};
use crate::ledger::{self, Part};
use crate::model::{Photo, Post, PostId, Timestamp, UserId};
use crate::store::StoreError;
use crate::store::old_posts::{Mark, Marked, MonthTotals, OLD_POSTS_MAX, OldPosts};
use crate::store::sharded::{Bucket, HoldingState, PostCopy};
use mysql_async::Conn;

/// Marks. Not a migration: only a database whose old posts move has them.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS moving_posts (\
    post_id BIGINT PRIMARY KEY, author_id BIGINT NOT NULL, created_at BIGINT NOT NULL) ENGINE = InnoDB";
const WINDOW: &str = "SELECT id, created_at FROM posts WHERE id > ? ORDER BY id LIMIT ?";
const DELETED_MARKS: &str = "SELECT m.post_id, m.author_id, m.created_at FROM moving_posts m \
    LEFT JOIN posts p ON p.id = m.post_id WHERE p.id IS NULL ORDER BY m.post_id LIMIT ?";
const TOTALS: &str = "SELECT EXTRACT(YEAR_MONTH FROM DATE_ADD('1970-01-01', INTERVAL created_at DIV 1000 SECOND)) AS month, \
    COUNT(*), CAST(SUM(id % 1000003) AS UNSIGNED), CAST(SUM(LENGTH(content)) AS UNSIGNED), \
    CAST(SUM(CAST(CONV(LEFT(MD5(content), 8), 16, 10) AS UNSIGNED)) AS UNSIGNED) \
    FROM posts WHERE created_at < ? GROUP BY month ORDER BY month";
/// Identifiers ascend with time, but for clocks that disagree: a search ends at posts that are this much too young, in milliseconds.
const DAY_MS: i64 = 86_400_000;
/// Timeout of the totals.
const TOTALS_TIMEOUT: Duration = Duration::from_secs(600);

type Attempt<T> = Result<T, Failure>;

#[async_trait]
impl OldPosts for MysqlStore {
    async fn prepare_moves(&self) -> Result<(), StoreError> {
        self.migrate().await?;
        read!(self, connection => Ok(connection.query_drop(SCHEMA).await?))
    }

    async fn mark(&self, after: PostId, before: Timestamp) -> Result<Option<Marked>, StoreError> {
        let Some((last, marked)) = write!(self, tx => mark(&mut tx, after, before).await)? else {
            return Ok(None);
        };
        let posts = read!(self, connection => copies(connection, &marked).await)?;
        Ok(Some(Marked { last, posts }))
    }

    async fn remove_copied(&self, copied: Vec<PostCopy>) -> Result<u64, StoreError> {
        write!(self, tx => remove_copied(&mut tx, &copied).await)
    }

    async fn deleted_marks(&self) -> Result<Vec<Mark>, StoreError> {
        let rows: Vec<(i64, i64, i64)> =
            read!(self, connection => Ok(connection.exec(DELETED_MARKS, (OLD_POSTS_MAX,)).await?))?;
        let marks = rows.into_iter().map(|(post, author, created_at)| Mark {
            post: PostId(post),
            author: UserId(author),
            created_at: Timestamp(created_at),
        });
        Ok(marks.collect())
    }

    async fn forget(&self, marks: Vec<Mark>) -> Result<(), StoreError> {
        let posts: Vec<_> = marks.iter().map(|mark| mark.post).collect();
        write!(self, tx => for_each_of(&mut tx, "DELETE FROM moving_posts WHERE post_id", &posts).await)
    }

    async fn totals_by_month(&self, before: Timestamp) -> Result<Vec<MonthTotals>, StoreError> {
        // Without the timeout of a call: it reads the whole table.
        let _permit = self.permit()?;
        let mut lease = self.lease(false).await?;
        let counting = async { Ok(lease.exec(TOTALS, (before.0,)).await?) };
        let rows: Attempt<Vec<(u32, u64, u64, u64, u64)>> =
            within(TOTALS_TIMEOUT, "counting old posts", counting).await;
        lease.settle(&rows).await;
        let rows = rows?;
        let totals = rows
            .into_iter()
            .map(
                |(month, posts, ids, content_bytes, content_digests)| MonthTotals {
                    month,
                    posts,
                    ids,
                    content_bytes,
                    content_digests,
                },
            );
        Ok(totals.collect())
    }
}

/// Marks old posts among the next ones. Returns the highest identifier that was looked at, and those of the marked posts. `None` at the end.
async fn mark(
    tx: &mut Transaction<'_>,
    after: PostId,
    before: Timestamp,
) -> Attempt<Option<(PostId, Vec<PostId>)>> {
    let window: Vec<(i64, i64)> = tx.exec(WINDOW, (after.0, OLD_POSTS_MAX)).await?;
    let too_young = before.0.saturating_add(DAY_MS);
    let Some((last, _)) = window.last() else {
        return Ok(None);
    };
    if window
        .iter()
        .all(|(_, created_at)| *created_at >= too_young)
    {
        return Ok(None);
    }
    let old = window
        .iter()
        .filter(|(_, created_at)| *created_at < before.0);
    let old: Vec<_> = old.map(|(id, _)| PostId(*id)).collect();
    if old.is_empty() {
        return Ok(Some((PostId(*last), old)));
    }
    // Locked, so that no post is marked that another mover removes at this moment.
    let lock = format!(
        "SELECT id, author_id, created_at FROM posts WHERE id IN ({}) ORDER BY id FOR UPDATE",
        vec!["?"; old.len()].join(", ")
    );
    let rows: Vec<(i64, i64, i64)> = tx.exec(lock, values_of(&old)).await?;
    if !rows.is_empty() {
        let statement = format!(
            "INSERT INTO moving_posts (post_id, author_id, created_at) VALUES {} \
             ON DUPLICATE KEY UPDATE post_id = VALUES(post_id)",
            vec!["(?, ?, ?)"; rows.len()].join(", ")
        );
        let values = rows
            .iter()
            .flat_map(|(post, author, created_at)| [*post, *author, *created_at]);
        let values: Vec<Value> = values.map(Into::into).collect();
        tx.exec_drop(statement, values).await?;
    }
    let marked = rows.into_iter().map(|(post, _, _)| PostId(post)).collect();
    Ok(Some((PostId(*last), marked)))
}

/// Reads posts with their photos' records.
async fn copies(connection: &mut impl Queryable, posts: &[PostId]) -> Attempt<Vec<PostCopy>> {
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo, \
         f.media_type, f.bytes, f.file_key, f.etag, f.created_at FROM posts p \
         JOIN users u ON u.id = p.author_id LEFT JOIN photos f ON f.post_id = p.id \
         WHERE p.id IN ({}) ORDER BY p.id",
        vec!["?"; posts.len()].join(", ")
    );
    let rows: Vec<Row> = connection.exec(query, values_of(posts)).await?;
    rows.into_iter().map(copy_of).collect()
}

fn copy_of(mut row: Row) -> Attempt<PostCopy> {
    let id = PostId(taken(&mut row, 0)?);
    let post = Post {
        id,
        author: UserId(taken(&mut row, 1)?),
        author_handle: taken(&mut row, 2)?,
        content: taken(&mut row, 3)?,
        html: taken(&mut row, 4)?,
        created_at: Timestamp(taken(&mut row, 5)?),
        updated_at: Timestamp(taken(&mut row, 6)?),
        has_photo: taken(&mut row, 7)?,
    };
    let media_type: Option<String> = taken(&mut row, 8)?;
    let photo = match media_type {
        None => None,
        Some(media_type) => Some(Photo {
            post: id,
            media_type,
            bytes: taken(&mut row, 9)?,
            file_key: taken(&mut row, 10)?,
            etag: taken(&mut row, 11)?,
            created_at: Timestamp(taken(&mut row, 12)?),
        }),
    };
    Ok(PostCopy { post, photo })
}

fn taken<T: mysql_async::prelude::FromValue>(row: &mut Row, column: usize) -> Attempt<T> {
    row.take_opt(column)
        .and_then(Result::ok)
        .ok_or_else(|| StoreError::Other(format!("column {column} of a post is malformed")).into())
}

async fn remove_copied(tx: &mut Transaction<'_>, copied: &[PostCopy]) -> Attempt<u64> {
    // Buckets first, as every write does.
    let stays = leaving_buckets(tx, copied).await?;
    let posts: Vec<_> = copied
        .iter()
        .filter(|own| !stays.contains(&Bucket::of_author(own.post.author)))
        .map(|own| own.post.id)
        .collect();
    if posts.is_empty() {
        return Ok(0);
    }
    let lock = format!(
        "SELECT id FROM posts WHERE id IN ({}) ORDER BY id FOR UPDATE",
        vec!["?"; posts.len()].join(", ")
    );
    let _: Vec<i64> = tx.exec(lock, values_of(&posts)).await?;
    let present = copies(tx, &posts).await?;
    let is_copied = |own: &&PostCopy| {
        let place = copied.binary_search_by_key(&own.post.id, |copy| copy.post.id);
        place.ok().and_then(|place| copied.get(place)) == Some(*own)
    };
    let equal: Vec<_> = present
        .iter()
        .filter(is_copied)
        .map(|own| own.post.id)
        .collect();
    for statement in [
        "DELETE FROM photos WHERE post_id",
        "DELETE FROM posts WHERE id",
        "DELETE FROM moving_posts WHERE post_id",
    ] {
        for_each_of(tx, statement, &equal).await?;
    }
    Ok(equal.len() as u64)
}

/// Locks the buckets of the posts, and returns those that move between shards. None in a store without shards.
async fn leaving_buckets(tx: &mut Transaction<'_>, copied: &[PostCopy]) -> Attempt<Vec<Bucket>> {
    let is_sharded: Option<i64> = tx.query_first("SELECT 1 FROM buckets LIMIT 1").await?;
    if is_sharded.is_none() {
        return Ok(Vec::new());
    }
    let mut buckets: Vec<_> = copied
        .iter()
        .map(|own| Bucket::of_author(own.post.author))
        .collect();
    buckets.sort_unstable();
    buckets.dedup();
    if buckets.is_empty() {
        return Ok(buckets);
    }
    let lock = format!(
        "SELECT bucket, state FROM buckets WHERE bucket IN ({}) ORDER BY bucket LOCK IN SHARE MODE",
        vec!["?"; buckets.len()].join(", ")
    );
    let values: Vec<Value> = buckets.iter().map(|own| own.number().into()).collect();
    let rows: Vec<(u16, u8)> = tx.exec(lock, values).await?;
    let owned = HoldingState::Owned.number();
    buckets.retain(|bucket| !rows.contains(&(bucket.number(), owned)));
    Ok(buckets)
}

/// Runs `statement IN (…)` for these posts.
async fn for_each_of(tx: &mut Transaction<'_>, statement: &str, posts: &[PostId]) -> Attempt<()> {
    if posts.is_empty() {
        return Ok(());
    }
    let statement = format!("{statement} IN ({})", vec!["?"; posts.len()].join(", "));
    Ok(tx.exec_drop(statement, values_of(posts)).await?)
}

fn values_of(posts: &[PostId]) -> Vec<Value> {
    posts.iter().map(|post| post.0.into()).collect()
}
