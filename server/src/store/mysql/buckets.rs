//! Statements of a shard, and of the database of users in front of shards.

use std::sync::LazyLock;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Params, Transaction, Value};

use super::failure::Failure;
use super::reads::{self, PostRow};
use super::{feeds, writes};
use crate::model::{NewPost, Page, Photo, Post, PostEdit, PostId, User, UserId};
use crate::store::StoreError;
use crate::store::sharded::{
    Advance, BUCKETS, Bucket, Holding, HoldingState, PostChange, PostCopy, taken_over,
};

/// Numbers of authors for which there is a statement. More are read in several.
pub(super) const AUTHORS: [usize; 4] = [4, 16, 64, 256];

pub(super) const BUCKET: &str = "SELECT state, token, last_post FROM buckets WHERE bucket = ?";
pub(super) const LOCK_BUCKET: &str =
    "SELECT state, token, last_post FROM buckets WHERE bucket = ? FOR UPDATE";
/// Affects no row if the author has not been copied.
pub(super) const COUNT_POST: &str = "\
    UPDATE buckets b JOIN users u ON u.id = ? SET b.last_post = ?, u.posts = u.posts + 1 \
    WHERE b.bucket = ?";
/// Only in a database without posts: they would be hidden.
const FIRST_MAP: &str = "\
    INSERT IGNORE INTO shard_map (id, version, map) \
    SELECT 1, 1, ? FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM posts)";
const NEXT_MAP: &str = "\
    UPDATE shard_map SET version = version + 1, map = ? WHERE id = 1 AND version = ?";
pub(super) const AUTHORS_IN: &str = "\
    SELECT author_id FROM authors WHERE bucket = ? AND author_id > ? ORDER BY author_id LIMIT ?";
pub(super) const POSTS_IN: &str = "\
    SELECT p.id FROM authors a JOIN posts p ON p.author_id = a.author_id WHERE a.bucket = ? LIMIT ?";
pub(super) const CHANGES: &str = "\
    SELECT number, post_id, author_id FROM changes WHERE bucket = ? AND number > ? \
    ORDER BY number LIMIT ?";
pub(super) const POST_AUTHORS: &str = "\
    SELECT post_id, author_id FROM post_authors WHERE post_id >= ? AND post_id < ?";
pub(super) const DELETE_CHANGES: &str = "DELETE FROM changes WHERE bucket = ?";
/// Newest posts of several authors, by number of authors. Each takes the newest of each author from the index, so that
/// the cost does not depend on the number of posts; fewer authors are padded with one that does not exist.
pub(super) static POSTS_BY_ANY: LazyLock<[(usize, String); 4]> = LazyLock::new(|| {
    AUTHORS.map(|authors| {
        let one = "(SELECT id FROM posts FORCE INDEX (posts_author_id) \
            WHERE author_id = ? AND id < ? ORDER BY id DESC LIMIT ?)";
        let all = vec![one; authors].join(" UNION ALL ");
        let statement = format!(
            "SELECT STRAIGHT_JOIN p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
             FROM ({all} ORDER BY id DESC LIMIT ?) page \
             JOIN posts p FORCE INDEX (PRIMARY) ON p.id = page.id \
             JOIN users u FORCE INDEX (PRIMARY) ON u.id = p.author_id ORDER BY page.id DESC"
        );
        (authors, statement)
    })
});

type Attempt<T> = Result<T, Failure>;

pub(super) async fn shard_map(connection: &mut Conn) -> Attempt<Option<String>> {
    let row: Option<(String,)> = connection
        .query_first("SELECT map FROM shard_map WHERE id = 1")
        .await?;
    Ok(row.map(|(map,)| map))
}

pub(super) async fn replace_shard_map(
    connection: &mut Conn,
    version: u64,
    map: &str,
) -> Attempt<bool> {
    match version {
        0 => connection.exec_drop(FIRST_MAP, (map,)).await?,
        _ => connection.exec_drop(NEXT_MAP, (map, version)).await?,
    }
    Ok(connection.affected_rows() > 0)
}

pub(super) async fn post_authors(
    connection: &mut Conn,
    from: PostId,
    until: PostId,
) -> Attempt<Vec<(PostId, UserId)>> {
    let rows: Vec<(i64, i64)> = connection.exec(POST_AUTHORS, (from.0, until.0)).await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(post, author)| (PostId(post), UserId(author)))
        .collect())
}

pub(super) async fn prepare(connection: &mut Conn, own: &[Bucket]) -> Attempt<()> {
    if own.is_empty() {
        return Ok(());
    }
    let rows = vec!["(?, 0)"; own.len()].join(",");
    let values: Vec<Value> = own.iter().map(|bucket| bucket.number().into()).collect();
    let insert = format!("INSERT IGNORE INTO buckets (bucket, state) VALUES {rows}");
    Ok(connection.exec_drop(insert, values).await?)
}

pub(super) async fn holding(
    connection: &mut impl Queryable,
    statement: &'static str,
    bucket: Bucket,
) -> Attempt<Option<Holding>> {
    let row: Option<(u8, i64, i64)> = connection.exec_first(statement, (bucket.number(),)).await?;
    let Some((state, token, last_post)) = row else {
        return Ok(None);
    };
    Ok(Some(Holding {
        state: HoldingState::of_number(state)?,
        token,
        last_post: PostId(last_post),
    }))
}

/// Locks the bucket until the commit. Fails unless it is served.
async fn require_served(tx: &mut Transaction<'_>, bucket: Bucket) -> Attempt<Holding> {
    let found = holding(tx, LOCK_BUCKET, bucket).await?;
    found
        .filter(|found| found.state.is_served())
        .ok_or(Failure::Store(StoreError::Moved))
}

/// Records a change of a bucket that is about to leave.
async fn record(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    holding: Holding,
    author: UserId,
    post: PostId,
) -> Attempt<()> {
    if holding.state == HoldingState::Followed {
        let insert = "INSERT INTO changes (bucket, post_id, author_id) VALUES (?, ?, ?)";
        tx.exec_drop(insert, (bucket.number(), post.0, author.0))
            .await?;
    }
    Ok(())
}

/// Creates a post in a bucket, with at least the proposed identifier. `is_noted`: also in the outbox.
pub(super) async fn create_post(
    tx: &mut Transaction<'_>,
    (bucket, proposed): (Bucket, PostId),
    new: &NewPost,
    handle: &str,
    is_noted: bool,
) -> Attempt<Post> {
    let holding = require_served(tx, bucket).await?;
    let id = PostId(proposed.0.max(holding.last_post.0 + i64::from(BUCKETS)));
    let counted = (new.author.0, id.0, bucket.number());
    tx.exec_drop(COUNT_POST, counted).await?;
    if tx.affected_rows() == 0 {
        put_author(tx, bucket, new.author, handle, new.created_at.0).await?;
        tx.exec_drop(COUNT_POST, counted).await?;
    }
    let (author, at) = (new.author.0, new.created_at.0);
    tx.exec_drop(
        "INSERT INTO posts (id, author_id, created_at, updated_at, content, html) \
         VALUES (?, ?, ?, ?, ?, ?)",
        (id.0, author, at, at, &new.content, &new.html),
    )
    .await?;
    record(tx, bucket, holding, new.author, id).await?;
    if is_noted {
        feeds::note(tx, id, new).await?;
    }
    Ok(Post {
        id,
        author: new.author,
        author_handle: handle.to_owned(),
        content: new.content.clone(),
        html: new.html.clone(),
        created_at: new.created_at,
        updated_at: new.created_at,
        has_photo: false,
    })
}

/// Copies an author, who has no password here.
async fn put_author(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    author: UserId,
    handle: &str,
    created_at: i64,
) -> Attempt<()> {
    tx.exec_drop(
        "INSERT IGNORE INTO users (id, handle, password_hash, created_at) VALUES (?, ?, '', ?)",
        (author.0, handle, created_at),
    )
    .await?;
    let insert = "INSERT IGNORE INTO authors (bucket, author_id) VALUES (?, ?)";
    Ok(tx.exec_drop(insert, (bucket.number(), author.0)).await?)
}

pub(super) async fn update_post(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    author: UserId,
    id: PostId,
    edit: &PostEdit,
) -> Attempt<Post> {
    let holding = require_served(tx, bucket).await?;
    let post = writes::update_post(tx, author, id, edit).await?;
    record(tx, bucket, holding, author, id).await?;
    Ok(post)
}

pub(super) async fn delete_post(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    author: UserId,
    id: PostId,
) -> Attempt<Option<Photo>> {
    let holding = require_served(tx, bucket).await?;
    let photo = writes::delete_post(tx, author, id).await?;
    record(tx, bucket, holding, author, id).await?;
    Ok(photo)
}

pub(super) async fn put_photo(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    author: UserId,
    photo: &Photo,
) -> Attempt<Option<Photo>> {
    let holding = require_served(tx, bucket).await?;
    let before = writes::put_photo(tx, author, photo).await?;
    record(tx, bucket, holding, author, photo.post).await?;
    Ok(before)
}

pub(super) async fn set_has_photo(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    post: PostId,
) -> Attempt<()> {
    let holding = require_served(tx, bucket).await?;
    let author = reads::post(tx, post).await?.author;
    writes::set_has_photo(tx, post).await?;
    record(tx, bucket, holding, author, post).await
}

pub(super) async fn posts_by_any(
    connection: &mut Conn,
    authors: &[UserId],
    page: Page,
) -> Attempt<Vec<Post>> {
    let before = Value::from(page.before().map_or(i64::MAX, |id| id.0));
    let limit = Value::from(page.limit());
    let [.., (most, largest)] = &*POSTS_BY_ANY;
    let mut posts: Vec<Post> = Vec::new();
    for some in authors.chunks(*most) {
        let fitting = POSTS_BY_ANY.iter().find(|(room, _)| some.len() <= *room);
        let (room, statement) = fitting.map_or((*most, largest), |(room, own)| (*room, own));
        let padding = std::iter::repeat_n(0, room - some.len());
        let authors = some.iter().map(|author| author.0).chain(padding);
        let mut values: Vec<Value> = authors
            .flat_map(|author| [Value::from(author), before.clone(), limit.clone()])
            .collect();
        values.push(limit.clone());
        let parameters = Params::Positional(values);
        let rows: Vec<PostRow> = connection.exec(statement.as_str(), parameters).await?;
        posts.extend(rows.into_iter().map(|row| row.0));
    }
    posts.sort_unstable_by_key(|post| std::cmp::Reverse(post.id));
    posts.truncate(page.limit() as usize);
    Ok(posts)
}

pub(super) async fn served(
    connection: &mut Conn,
    buckets: &[Bucket],
) -> Attempt<Vec<(Bucket, i64)>> {
    if buckets.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<String> = buckets.iter().map(Bucket::to_string).collect();
    let (owned, followed) = (HoldingState::Owned, HoldingState::Followed);
    let query = format!(
        "SELECT bucket, token FROM buckets WHERE bucket IN ({}) AND state IN ({}, {}) \
         ORDER BY bucket",
        list.join(","),
        owned.number(),
        followed.number()
    );
    let rows: Vec<(u16, i64)> = connection.query(query).await?;
    let rows = rows.into_iter();
    Ok(rows
        .filter_map(|(number, token)| Some((Bucket::new(number)?, token)))
        .collect())
}

pub(super) async fn take_over(tx: &mut Transaction<'_>, bucket: Bucket, token: i64) -> Attempt<()> {
    let update = "UPDATE buckets SET token = ? WHERE bucket = ? AND state <> 0";
    Ok(tx.exec_drop(update, (token, bucket.number())).await?)
}

pub(super) async fn advance(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    step: Advance,
    token: i64,
) -> Attempt<bool> {
    let found = holding(tx, LOCK_BUCKET, bucket).await?;
    if !step.is_due(found, token) {
        return Ok(false);
    }
    let number = bucket.number();
    if step.removes_posts() {
        for statement in [
            "DELETE f FROM photos f JOIN posts p ON p.id = f.post_id \
             JOIN authors a ON a.author_id = p.author_id WHERE a.bucket = ?",
            "DELETE p FROM posts p JOIN authors a ON a.author_id = p.author_id WHERE a.bucket = ?",
            "DELETE u FROM users u JOIN authors a ON a.author_id = u.id WHERE a.bucket = ?",
            "DELETE FROM authors WHERE bucket = ?",
            "DELETE FROM buckets WHERE bucket = ?",
        ] {
            tx.exec_drop(statement, (number,)).await?;
        }
    }
    if step.removes_changes() {
        tx.exec_drop(DELETE_CHANGES, (number,)).await?;
    }
    if let Some((state, last_post)) = step.result() {
        tx.exec_drop(
            "INSERT INTO buckets (bucket, state, token, last_post) VALUES (?, ?, ?, ?) \
             ON DUPLICATE KEY UPDATE state = VALUES(state), token = VALUES(token), \
             last_post = GREATEST(last_post, VALUES(last_post))",
            (number, state.number(), token, last_post.0),
        )
        .await?;
    }
    Ok(true)
}

pub(super) async fn remove_some(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    token: i64,
    limit: u32,
) -> Attempt<bool> {
    let found = holding(tx, LOCK_BUCKET, bucket).await?;
    if !found.is_some_and(|found| found.may_be_emptied_by(token)) {
        return Ok(false);
    }
    let posts: Vec<(i64,)> = tx.exec(POSTS_IN, (bucket.number(), limit)).await?;
    if posts.is_empty() {
        return Ok(false);
    }
    let list: Vec<String> = posts.iter().map(|(id,)| id.to_string()).collect();
    let list = list.join(",");
    tx.query_drop(format!("DELETE FROM photos WHERE post_id IN ({list})"))
        .await?;
    tx.query_drop(format!("DELETE FROM posts WHERE id IN ({list})"))
        .await?;
    Ok(true)
}

pub(super) async fn authors_in(
    connection: &mut Conn,
    bucket: Bucket,
    after: UserId,
    limit: u32,
) -> Attempt<Vec<UserId>> {
    let rows: Vec<(i64,)> = connection
        .exec(AUTHORS_IN, (bucket.number(), after.0, limit))
        .await?;
    Ok(rows.into_iter().map(|(id,)| UserId(id)).collect())
}

pub(super) async fn changes(
    connection: &mut Conn,
    bucket: Bucket,
    after: i64,
    limit: u32,
) -> Attempt<Vec<PostChange>> {
    let rows: Vec<(i64, i64, i64)> = connection
        .exec(CHANGES, (bucket.number(), after, limit))
        .await?;
    let rows = rows.into_iter().map(|(number, post, author)| PostChange {
        number,
        post: PostId(post),
        author: UserId(author),
    });
    Ok(rows.collect())
}

pub(super) async fn import(
    tx: &mut Transaction<'_>,
    bucket: Bucket,
    token: i64,
    author: &User,
    posts: &[PostCopy],
    removed: &[PostId],
) -> Attempt<()> {
    let found = holding(tx, LOCK_BUCKET, bucket).await?;
    if !found.is_some_and(|found| found.is_filled_by(token)) {
        return Err(Failure::Store(taken_over(bucket)));
    }
    put_author(tx, bucket, author.id, &author.handle, author.created_at.0).await?;
    let count = "UPDATE users SET posts = ? WHERE id = ?";
    tx.exec_drop(count, (author.posts, author.id.0)).await?;
    for id in removed.iter().chain(posts.iter().map(|copy| &copy.post.id)) {
        tx.exec_drop(writes::DELETE_PHOTO, (id.0,)).await?;
        tx.exec_drop(writes::DELETE_POST, (id.0,)).await?;
    }
    for PostCopy { post, photo } in posts {
        tx.exec_drop(
            "INSERT INTO posts (id, author_id, created_at, updated_at, content, html) \
             VALUES (?, ?, ?, ?, ?, ?)",
            (
                post.id.0,
                post.author.0,
                post.created_at.0,
                post.updated_at.0,
                &post.content,
                &post.html,
            ),
        )
        .await?;
        match photo {
            Some(photo) => drop(writes::put_photo(tx, post.author, photo).await?),
            // Its record is in another database.
            None if post.has_photo => writes::set_has_photo(tx, post.id).await?,
            None => {}
        }
    }
    Ok(())
}
