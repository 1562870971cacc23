//! Write statements. Each function runs in a separate transaction.
//!
//! Rows are locked in a fixed order, users by identifier and before the rows that refer to them, so that
//! deadlocks are rare.

use mysql_async::Transaction;
use mysql_async::prelude::Queryable;

use super::failure::Failure;
use super::{feeds, reads};
use crate::model::{
    NewPost, NewSession, NewUser, Photo, Post, PostEdit, PostId, Timestamp, User, UserId,
};
use crate::store::{BEAT_RETENTION_MS, StoreError, require_later};

/// Deletes a few expired sessions whenever one is created: more than one, so that they do not accumulate.
pub(super) const DELETE_EXPIRED_SESSIONS: &str =
    "DELETE FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT 4";
pub(super) const DELETE_SESSION: &str = "DELETE FROM sessions WHERE token = ?";
pub(super) const LOCK_POST: &str = "SELECT author_id FROM posts WHERE id = ? FOR UPDATE";
pub(super) const LOCK_USERS: &str =
    "SELECT id FROM users WHERE id IN (?, ?) ORDER BY id FOR UPDATE";
pub(super) const LOCK_AUTHOR: &str = "SELECT handle FROM users WHERE id = ? FOR UPDATE";
pub(super) const COUNT_POST: &str = "UPDATE users SET posts = posts + ? WHERE id = ?";
pub(super) const UPDATE_POST: &str =
    "UPDATE posts SET content = ?, html = ?, updated_at = ? WHERE id = ?";
pub(super) const DELETE_POST: &str = "DELETE FROM posts WHERE id = ?";
pub(super) const DELETE_PHOTO: &str = "DELETE FROM photos WHERE post_id = ?";
pub(super) const UNFOLLOW: &str = "DELETE FROM follows WHERE follower_id = ? AND followee_id = ?";
pub(super) const COUNT_FOLLOWING: &str = "UPDATE users SET following = following + ? WHERE id = ?";
pub(super) const COUNT_FOLLOWERS: &str = "UPDATE users SET followers = followers + ? WHERE id = ?";
pub(super) const DELETE_OLD_BEATS: &str = "DELETE FROM heartbeat WHERE beaten_at <= ? LIMIT 8";
const BEAT: &str = "REPLACE INTO heartbeat (origin, number, beaten_at) VALUES (?, ?, ?)";
pub(super) const HAS_PHOTO: &str = "UPDATE posts SET has_photo = TRUE WHERE id = ?";

type Attempt<T> = Result<T, Failure>;

pub(super) async fn create_user(tx: &mut Transaction<'_>, new: &NewUser) -> Attempt<User> {
    let inserted = tx
        .exec_drop(
            "INSERT INTO users (handle, password_hash, created_at) VALUES (?, ?, ?)",
            (&new.handle, &new.password_hash, new.created_at.0),
        )
        .await
        .map_err(Failure::from);
    if inserted.as_ref().is_err_and(Failure::is_duplicate_key) {
        let taken = format!("the handle `{}` is taken", new.handle);
        return Err(Failure::Store(StoreError::Conflict(taken)));
    }
    inserted?;
    Ok(User {
        id: UserId(last_id(tx)),
        handle: new.handle.clone(),
        created_at: new.created_at,
        followers: 0,
        following: 0,
        posts: 0,
    })
}

pub(super) async fn create_session(tx: &mut Transaction<'_>, new: &NewSession) -> Attempt<()> {
    tx.exec_drop(DELETE_EXPIRED_SESSIONS, (new.created_at.0,))
        .await?;
    let inserted = tx
        .exec_drop(
            "INSERT INTO sessions (token, user_id, expires_at) VALUES (?, ?, ?)",
            (&new.token.0[..], new.user.0, new.expires_at.0),
        )
        .await
        .map_err(Failure::from);
    if inserted.as_ref().is_err_and(Failure::is_duplicate_key) {
        return Err(Failure::Store(StoreError::Conflict(
            "the token is in use".to_owned(),
        )));
    }
    inserted
}

/// Creates a post. `is_noted`: also in the outbox.
pub(super) async fn create_post(
    tx: &mut Transaction<'_>,
    new: &NewPost,
    is_noted: bool,
) -> Attempt<Post> {
    let author: Option<(String,)> = tx.exec_first(LOCK_AUTHOR, (new.author.0,)).await?;
    let (author_handle,) = author.ok_or(StoreError::NotFound)?;
    tx.exec_drop(COUNT_POST, (1, new.author.0)).await?;
    tx.exec_drop(
        "INSERT INTO posts (author_id, created_at, updated_at, content, html) \
         VALUES (?, ?, ?, ?, ?)",
        (
            new.author.0,
            new.created_at.0,
            new.created_at.0,
            &new.content,
            &new.html,
        ),
    )
    .await?;
    let id = PostId(last_id(tx));
    if is_noted {
        feeds::note(tx, id, new).await?;
    }
    Ok(Post {
        id,
        author: new.author,
        author_handle,
        content: new.content.clone(),
        html: new.html.clone(),
        created_at: new.created_at,
        updated_at: new.created_at,
        has_photo: false,
    })
}

pub(super) async fn update_post(
    tx: &mut Transaction<'_>,
    author: UserId,
    id: PostId,
    edit: &PostEdit,
) -> Attempt<Post> {
    require_author(tx, author, id).await?;
    let parameters = (&edit.content, &edit.html, edit.updated_at.0, id.0);
    tx.exec_drop(UPDATE_POST, parameters).await?;
    reads::post(tx, id).await
}

pub(super) async fn delete_post(
    tx: &mut Transaction<'_>,
    author: UserId,
    id: PostId,
) -> Attempt<Option<Photo>> {
    require_author(tx, author, id).await?;
    let photo = reads::photo(tx, id).await?;
    tx.exec_drop(DELETE_PHOTO, (id.0,)).await?;
    tx.exec_drop(DELETE_POST, (id.0,)).await?;
    tx.exec_drop(COUNT_POST, (-1, author.0)).await?;
    Ok(photo)
}

pub(super) async fn follow(
    tx: &mut Transaction<'_>,
    follower: UserId,
    followee: UserId,
    at: Timestamp,
) -> Attempt<bool> {
    let found: Vec<(i64,)> = tx.exec(LOCK_USERS, (follower.0, followee.0)).await?;
    if found.len() < 2 {
        return Err(Failure::Store(StoreError::NotFound));
    }
    let inserted = tx
        .exec_drop(
            "INSERT INTO follows (follower_id, followee_id, created_at) VALUES (?, ?, ?)",
            (follower.0, followee.0, at.0),
        )
        .await
        .map_err(Failure::from);
    if inserted.as_ref().is_err_and(Failure::is_duplicate_key) {
        return Ok(false);
    }
    inserted?;
    count_follow(tx, follower, followee, 1).await?;
    feeds::spoil(tx, follower).await?;
    Ok(true)
}

pub(super) async fn unfollow(
    tx: &mut Transaction<'_>,
    follower: UserId,
    followee: UserId,
) -> Attempt<bool> {
    let _: Vec<(i64,)> = tx.exec(LOCK_USERS, (follower.0, followee.0)).await?;
    tx.exec_drop(UNFOLLOW, (follower.0, followee.0)).await?;
    if tx.affected_rows() == 0 {
        return Ok(false);
    }
    count_follow(tx, follower, followee, -1).await?;
    Ok(true)
}

pub(super) async fn set_has_photo(tx: &mut Transaction<'_>, post: PostId) -> Attempt<()> {
    // An update that changes nothing affects no row.
    let found: Option<(i64,)> = tx.exec_first(LOCK_POST, (post.0,)).await?;
    found.ok_or(StoreError::NotFound)?;
    Ok(tx.exec_drop(HAS_PHOTO, (post.0,)).await?)
}

pub(super) async fn put_photo(
    tx: &mut Transaction<'_>,
    author: UserId,
    photo: &Photo,
) -> Attempt<Option<Photo>> {
    require_author(tx, author, photo.post).await?;
    let before = reads::photo(tx, photo.post).await?;
    require_later(before.as_ref(), photo)?;
    if before.as_ref() == Some(photo) {
        return Ok(before);
    }
    tx.exec_drop(
        "REPLACE INTO photos (post_id, media_type, bytes, file_key, etag, created_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
        (
            photo.post.0,
            &photo.media_type,
            photo.bytes,
            &photo.file_key,
            &photo.etag,
            photo.created_at.0,
        ),
    )
    .await?;
    if before.is_none() {
        tx.exec_drop(HAS_PHOTO, (photo.post.0,)).await?;
    }
    Ok(before)
}

pub(super) async fn beat(
    connection: &mut impl Queryable,
    origin: i64,
    number: i64,
    at: Timestamp,
) -> Attempt<()> {
    if number <= 1 {
        let retained = at.0 - BEAT_RETENTION_MS;
        connection.exec_drop(DELETE_OLD_BEATS, (retained,)).await?;
    }
    Ok(connection.exec_drop(BEAT, (origin, number, at.0)).await?)
}

/// Locks the post, and fails unless `author` wrote it.
async fn require_author(tx: &mut Transaction<'_>, author: UserId, id: PostId) -> Attempt<()> {
    let found: Option<(i64,)> = tx.exec_first(LOCK_POST, (id.0,)).await?;
    let (found,) = found.ok_or(StoreError::NotFound)?;
    if found == author.0 {
        Ok(())
    } else {
        Err(Failure::Store(StoreError::Forbidden))
    }
}

async fn count_follow(
    tx: &mut Transaction<'_>,
    follower: UserId,
    followee: UserId,
    change: i64,
) -> Attempt<()> {
    tx.exec_drop(COUNT_FOLLOWING, (change, follower.0)).await?;
    tx.exec_drop(COUNT_FOLLOWERS, (change, followee.0)).await?;
    Ok(())
}

fn last_id(tx: &Transaction<'_>) -> i64 {
    tx.last_insert_id().unwrap_or_default().cast_signed()
}
