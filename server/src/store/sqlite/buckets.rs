//! Statements of a shard, and of the database of users in front of shards.

use rusqlite::{Connection, OptionalExtension};

use super::failure::failed;
use super::{reads, writes};
use crate::model::{NewPost, Photo, Post, PostEdit, PostId, User, UserId};
use crate::store::StoreError;
use crate::store::sharded::{
    Advance, BUCKETS, Bucket, Holding, HoldingState, PostChange, PostCopy, taken_over,
};

pub(super) const BUCKET: &str = "SELECT state, token, last_post FROM buckets WHERE bucket = ?1";
pub(super) const AUTHORS_IN: &str = "\
    SELECT author_id FROM authors WHERE bucket = ?1 AND author_id > ?2 ORDER BY author_id LIMIT ?3";
pub(super) const POSTS_IN: &str = "\
    SELECT p.id FROM authors a JOIN posts p ON p.author_id = a.author_id WHERE a.bucket = ?1 LIMIT ?2";
pub(super) const CHANGES: &str = "\
    SELECT number, post_id, author_id FROM changes WHERE bucket = ?1 AND number > ?2 \
    ORDER BY number LIMIT ?3";
pub(super) const POST_AUTHORS: &str = "\
    SELECT post_id, author_id FROM post_authors WHERE post_id >= ?1 AND post_id < ?2";
pub(super) const RAISE_LAST_POST: &str = "UPDATE buckets SET last_post = ?2 WHERE bucket = ?1";
pub(super) const DELETE_CHANGES: &str = "DELETE FROM changes WHERE bucket = ?1";
const INSERT_AUTHOR: &str = "INSERT OR IGNORE INTO authors (bucket, author_id) VALUES (?1, ?2)";

type Done<T> = Result<T, StoreError>;

pub(super) fn shard_map(connection: &Connection) -> Done<Option<String>> {
    connection
        .prepare_cached("SELECT map FROM shard_map WHERE id = 1")
        .and_then(|mut statement| statement.query_row((), |row| row.get(0)).optional())
        .map_err(|error| failed(&error))
}

/// Creates version 1 only in a database without posts: they would be hidden.
pub(super) fn replace_shard_map(connection: &Connection, version: u64, map: &str) -> Done<bool> {
    let next = (version + 1).cast_signed();
    let changed = match version {
        0 => writes::execute(
            connection,
            "INSERT OR IGNORE INTO shard_map (id, version, map) \
             SELECT 1, ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM posts)",
            (next, map),
        ),
        _ => writes::execute(
            connection,
            "UPDATE shard_map SET version = ?1, map = ?2 WHERE id = 1 AND version = ?1 - 1",
            (next, map),
        ),
    };
    Ok(changed? > 0)
}

pub(super) fn post_authors(
    connection: &Connection,
    from: PostId,
    until: PostId,
) -> Done<Vec<(PostId, UserId)>> {
    let read = || -> rusqlite::Result<Vec<(PostId, UserId)>> {
        let mut statement = connection.prepare_cached(POST_AUTHORS)?;
        let rows = statement.query_map((from.0, until.0), |row| {
            Ok((PostId(row.get(0)?), UserId(row.get(1)?)))
        })?;
        rows.collect()
    };
    read().map_err(|error| failed(&error))
}

pub(super) fn prepare(connection: &Connection, own: &[Bucket]) -> Done<()> {
    for bucket in own {
        writes::execute(
            connection,
            "INSERT OR IGNORE INTO buckets (bucket, state) VALUES (?1, 0)",
            [bucket.number()],
        )?;
    }
    Ok(())
}

pub(super) fn holding(connection: &Connection, bucket: Bucket) -> Done<Option<Holding>> {
    let row: Option<(u8, i64, i64)> = connection
        .prepare_cached(BUCKET)
        .and_then(|mut statement| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            statement.query_row([bucket.number()], row).optional()
        })
        .map_err(|error| failed(&error))?;
    row.map(|(state, token, last_post)| {
        Ok(Holding {
            state: HoldingState::of_number(state)?,
            token,
            last_post: PostId(last_post),
        })
    })
    .transpose()
}

/// Fails unless the bucket is served.
fn require_served(connection: &Connection, bucket: Bucket) -> Done<Holding> {
    let found = holding(connection, bucket)?;
    found
        .filter(|found| found.state.is_served())
        .ok_or(StoreError::Moved)
}

/// Records a change of a bucket that is about to leave.
fn record(
    connection: &Connection,
    bucket: Bucket,
    holding: Holding,
    author: UserId,
    post: PostId,
) -> Done<()> {
    if holding.state == HoldingState::Followed {
        writes::execute(
            connection,
            "INSERT INTO changes (bucket, post_id, author_id) VALUES (?1, ?2, ?3)",
            (bucket.number(), post.0, author.0),
        )?;
    }
    Ok(())
}

pub(super) fn create_post(
    connection: &Connection,
    bucket: Bucket,
    proposed: PostId,
    new: &NewPost,
    handle: &str,
) -> Done<Post> {
    let holding = require_served(connection, bucket)?;
    let id = PostId(proposed.0.max(holding.last_post.0 + i64::from(BUCKETS)));
    if writes::count_post(connection, new.author, 1).is_err() {
        put_author(connection, bucket, new.author, handle, new.created_at.0)?;
        writes::count_post(connection, new.author, 1)?;
    }
    writes::execute(connection, RAISE_LAST_POST, (bucket.number(), id.0))?;
    writes::execute(
        connection,
        "INSERT INTO posts (id, author_id, created_at, updated_at, content, html) \
         VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
        (
            id.0,
            new.author.0,
            new.created_at.0,
            &new.content,
            &new.html,
        ),
    )?;
    record(connection, bucket, holding, new.author, id)?;
    reads::post(connection, id)
}

/// Copies an author, who has no password here.
fn put_author(
    connection: &Connection,
    bucket: Bucket,
    author: UserId,
    handle: &str,
    created_at: i64,
) -> Done<()> {
    writes::execute(
        connection,
        "INSERT OR IGNORE INTO users (id, handle, password_hash, created_at) VALUES (?1, ?2, '', ?3)",
        (author.0, handle, created_at),
    )?;
    writes::execute(connection, INSERT_AUTHOR, (bucket.number(), author.0)).map(drop)
}

pub(super) fn update_post(
    connection: &Connection,
    bucket: Bucket,
    author: UserId,
    id: PostId,
    edit: &PostEdit,
) -> Done<Post> {
    let holding = require_served(connection, bucket)?;
    let post = writes::update_post(connection, author, id, edit)?;
    record(connection, bucket, holding, author, id)?;
    Ok(post)
}

pub(super) fn delete_post(
    connection: &Connection,
    bucket: Bucket,
    author: UserId,
    id: PostId,
) -> Done<Option<Photo>> {
    let holding = require_served(connection, bucket)?;
    let photo = writes::delete_post(connection, author, id)?;
    record(connection, bucket, holding, author, id)?;
    Ok(photo)
}

pub(super) fn put_photo(
    connection: &Connection,
    bucket: Bucket,
    author: UserId,
    photo: &Photo,
) -> Done<Option<Photo>> {
    let holding = require_served(connection, bucket)?;
    let before = writes::put_photo(connection, author, photo)?;
    record(connection, bucket, holding, author, photo.post)?;
    Ok(before)
}

pub(super) fn set_has_photo(connection: &Connection, bucket: Bucket, post: PostId) -> Done<()> {
    let holding = require_served(connection, bucket)?;
    let author = reads::post(connection, post)?.author;
    writes::set_has_photo(connection, post)?;
    record(connection, bucket, holding, author, post)
}

pub(super) fn served(connection: &Connection, buckets: &[Bucket]) -> Done<Vec<(Bucket, i64)>> {
    let mut served = Vec::new();
    for bucket in buckets {
        let found = holding(connection, *bucket)?;
        if let Some(found) = found.filter(|found| found.state.is_served()) {
            served.push((*bucket, found.token));
        }
    }
    Ok(served)
}

pub(super) fn take_over(connection: &Connection, bucket: Bucket, token: i64) -> Done<()> {
    writes::execute(
        connection,
        "UPDATE buckets SET token = ?2 WHERE bucket = ?1 AND state <> 0",
        (bucket.number(), token),
    )
    .map(drop)
}

pub(super) fn advance(
    connection: &Connection,
    bucket: Bucket,
    step: Advance,
    token: i64,
) -> Done<bool> {
    let found = holding(connection, bucket)?;
    if !step.is_due(found, token) {
        return Ok(false);
    }
    if step.removes_posts() {
        let own = "(SELECT author_id FROM authors WHERE bucket = ?1)";
        for statement in [
            format!(
                "DELETE FROM photos WHERE post_id IN \
                 (SELECT id FROM posts WHERE author_id IN {own})"
            ),
            format!("DELETE FROM posts WHERE author_id IN {own}"),
            format!("DELETE FROM users WHERE id IN {own}"),
            "DELETE FROM authors WHERE bucket = ?1".to_owned(),
            "DELETE FROM buckets WHERE bucket = ?1".to_owned(),
        ] {
            writes::execute(connection, &statement, [bucket.number()])?;
        }
    }
    if step.removes_changes() {
        writes::execute(connection, DELETE_CHANGES, [bucket.number()])?;
    }
    if let Some((state, last_post)) = step.result() {
        writes::execute(
            connection,
            "INSERT INTO buckets (bucket, state, token, last_post) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET state = ?2, token = ?3, last_post = max(last_post, ?4)",
            (bucket.number(), state.number(), token, last_post.0),
        )?;
    }
    Ok(true)
}

pub(super) fn remove_some(
    connection: &Connection,
    bucket: Bucket,
    token: i64,
    limit: u32,
) -> Done<bool> {
    let found = holding(connection, bucket)?;
    if !found.is_some_and(|found| found.may_be_emptied_by(token)) {
        return Ok(false);
    }
    let read = || -> rusqlite::Result<Vec<i64>> {
        let mut statement = connection.prepare_cached(POSTS_IN)?;
        let rows = statement.query_map((bucket.number(), limit), |row| row.get(0))?;
        rows.collect()
    };
    let posts = read().map_err(|error| failed(&error))?;
    for id in &posts {
        writes::execute(connection, writes::DELETE_PHOTO, [id])?;
        writes::execute(connection, writes::DELETE_POST, [id])?;
    }
    Ok(!posts.is_empty())
}

pub(super) fn authors_in(
    connection: &Connection,
    bucket: Bucket,
    after: UserId,
    limit: u32,
) -> Done<Vec<UserId>> {
    let read = || -> rusqlite::Result<Vec<UserId>> {
        let mut statement = connection.prepare_cached(AUTHORS_IN)?;
        let rows = statement.query_map((bucket.number(), after.0, limit), |row| {
            row.get(0).map(UserId)
        })?;
        rows.collect()
    };
    read().map_err(|error| failed(&error))
}

pub(super) fn changes(
    connection: &Connection,
    bucket: Bucket,
    after: i64,
    limit: u32,
) -> Done<Vec<PostChange>> {
    let read = || -> rusqlite::Result<Vec<PostChange>> {
        let mut statement = connection.prepare_cached(CHANGES)?;
        let rows = statement.query_map((bucket.number(), after, limit), |row| {
            Ok(PostChange {
                number: row.get(0)?,
                post: PostId(row.get(1)?),
                author: UserId(row.get(2)?),
            })
        })?;
        rows.collect()
    };
    read().map_err(|error| failed(&error))
}

pub(super) fn import(
    connection: &Connection,
    bucket: Bucket,
    token: i64,
    author: &User,
    posts: &[PostCopy],
    removed: &[PostId],
) -> Done<()> {
    let found = holding(connection, bucket)?;
    if !found.is_some_and(|found| found.is_filled_by(token)) {
        return Err(taken_over(bucket));
    }
    put_author(
        connection,
        bucket,
        author.id,
        &author.handle,
        author.created_at.0,
    )?;
    writes::execute(
        connection,
        "UPDATE users SET posts = ?2 WHERE id = ?1",
        (author.id.0, author.posts.cast_signed()),
    )?;
    for id in removed.iter().chain(posts.iter().map(|copy| &copy.post.id)) {
        writes::execute(connection, writes::DELETE_PHOTO, [id.0])?;
        writes::execute(connection, writes::DELETE_POST, [id.0])?;
    }
    for PostCopy { post, photo } in posts {
        writes::execute(
            connection,
            "INSERT INTO posts (id, author_id, created_at, updated_at, content, html) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                post.id.0,
                post.author.0,
                post.created_at.0,
                post.updated_at.0,
                &post.content,
                &post.html,
            ),
        )?;
        match photo {
            Some(photo) => drop(writes::put_photo(connection, post.author, photo)?),
            // Its record is in another database.
            None if post.has_photo => writes::set_has_photo(connection, post.id)?,
            None => {}
        }
    }
    Ok(())
}
