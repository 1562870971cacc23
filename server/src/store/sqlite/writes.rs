//! Write statements. Each function runs in a savepoint of the writer's transaction.

use rusqlite::{Connection, OptionalExtension, Params};

use super::failure::{failed, is_taken};
use super::{feeds, reads};
use crate::model::{
    NewPost, NewSession, NewUser, Photo, Post, PostEdit, PostId, Timestamp, TokenDigest, User,
    UserId,
};
use crate::store::{BEAT_RETENTION_MS, StoreError, require_later};

/// Deletes a few expired sessions whenever one is created: more than one, so that they do not accumulate.
pub(super) const DELETE_EXPIRED_SESSIONS: &str = "\
    DELETE FROM sessions WHERE token IN \
    (SELECT token FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT 4)";
pub(super) const AUTHOR: &str = "SELECT author_id FROM posts WHERE id = ?1";
pub(super) const COUNT_POST: &str =
    "UPDATE users SET posts = posts + ?2 WHERE id = ?1 RETURNING handle";
pub(super) const UPDATE_POST: &str =
    "UPDATE posts SET content = ?2, html = ?3, updated_at = ?4 WHERE id = ?1";
pub(super) const DELETE_POST: &str = "DELETE FROM posts WHERE id = ?1";
pub(super) const DELETE_PHOTO: &str = "DELETE FROM photos WHERE post_id = ?1";
pub(super) const DELETE_SESSION: &str = "DELETE FROM sessions WHERE token = ?1";
pub(super) const UNFOLLOW: &str = "DELETE FROM follows WHERE follower_id = ?1 AND followee_id = ?2";
pub(super) const COUNT_FOLLOWING: &str =
    "UPDATE users SET following = following + ?2 WHERE id = ?1";
pub(super) const COUNT_FOLLOWERS: &str =
    "UPDATE users SET followers = followers + ?2 WHERE id = ?1";
pub(super) const DELETE_OLD_BEATS: &str = "DELETE FROM heartbeat WHERE beaten_at <= ?1";
pub(super) const HAS_PHOTO: &str = "UPDATE posts SET has_photo = 1 WHERE id = ?1";

pub(super) fn create_user(connection: &Connection, new: NewUser) -> Result<User, StoreError> {
    let inserted = connection
        .prepare_cached("INSERT INTO users (handle, password_hash, created_at) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.insert((&new.handle, &new.password_hash, new.created_at.0))
        });
    match inserted {
        Ok(id) => Ok(User {
            id: UserId(id),
            handle: new.handle,
            created_at: new.created_at,
            followers: 0,
            following: 0,
            posts: 0,
        }),
        Err(error) if is_taken(&error) => Err(StoreError::Conflict(format!(
            "the handle `{}` is taken",
            new.handle
        ))),
        Err(error) => Err(failed(&error)),
    }
}

pub(super) fn create_session(connection: &Connection, new: &NewSession) -> Result<(), StoreError> {
    execute(connection, DELETE_EXPIRED_SESSIONS, [new.created_at.0])?;
    let inserted = connection
        .prepare_cached("INSERT INTO sessions (token, user_id, expires_at) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.execute((&new.token.0[..], new.user.0, new.expires_at.0))
        });
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => {
            Err(StoreError::Conflict("the token is in use".to_owned()))
        }
        Err(error) => Err(failed(&error)),
    }
}

pub(super) fn delete_session(
    connection: &Connection,
    token: &TokenDigest,
) -> Result<(), StoreError> {
    execute(connection, DELETE_SESSION, [&token.0[..]]).map(drop)
}

/// Creates a post. `is_noted`: also in the outbox.
pub(super) fn create_post(
    connection: &Connection,
    new: NewPost,
    is_noted: bool,
) -> Result<Post, StoreError> {
    let author_handle = count_post(connection, new.author, 1)?;
    let id = connection
        .prepare_cached(
            "INSERT INTO posts (author_id, created_at, updated_at, content, html) \
             VALUES (?1, ?2, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| {
            statement.insert((new.author.0, new.created_at.0, &new.content, &new.html))
        })
        .map_err(|error| failed(&error))?;
    if is_noted {
        feeds::note(connection, PostId(id), &new)?;
    }
    Ok(Post {
        id: PostId(id),
        author: new.author,
        author_handle,
        content: new.content,
        html: new.html,
        created_at: new.created_at,
        updated_at: new.created_at,
        has_photo: false,
    })
}

pub(super) fn update_post(
    connection: &Connection,
    author: UserId,
    id: PostId,
    edit: &PostEdit,
) -> Result<Post, StoreError> {
    require_author(connection, author, id)?;
    let parameters = (id.0, &edit.content, &edit.html, edit.updated_at.0);
    execute(connection, UPDATE_POST, parameters)?;
    reads::post(connection, id)
}

pub(super) fn delete_post(
    connection: &Connection,
    author: UserId,
    id: PostId,
) -> Result<Option<Photo>, StoreError> {
    require_author(connection, author, id)?;
    let photo = reads::find_photo(connection, id)?;
    execute(connection, DELETE_PHOTO, [id.0])?;
    execute(connection, DELETE_POST, [id.0])?;
    count_post(connection, author, -1)?;
    Ok(photo)
}

pub(super) fn follow(
    connection: &Connection,
    follower: UserId,
    followee: UserId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    // The conflict clause does not apply to foreign keys: an unknown user fails.
    let inserted = execute(
        connection,
        "INSERT INTO follows (follower_id, followee_id, created_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT DO NOTHING",
        (follower.0, followee.0, at.0),
    )?;
    count_follow(connection, follower, followee, inserted as i64)?;
    if inserted > 0 {
        feeds::spoil(connection, follower)?;
    }
    Ok(inserted > 0)
}

pub(super) fn unfollow(
    connection: &Connection,
    follower: UserId,
    followee: UserId,
) -> Result<bool, StoreError> {
    let deleted = execute(connection, UNFOLLOW, (follower.0, followee.0))?;
    count_follow(connection, follower, followee, -(deleted as i64))?;
    Ok(deleted > 0)
}

pub(super) fn set_has_photo(connection: &Connection, post: PostId) -> Result<(), StoreError> {
    match execute(connection, HAS_PHOTO, [post.0])? {
        0 => Err(StoreError::NotFound),
        _ => Ok(()),
    }
}

pub(super) fn put_photo(
    connection: &Connection,
    author: UserId,
    photo: &Photo,
) -> Result<Option<Photo>, StoreError> {
    require_author(connection, author, photo.post)?;
    let before = reads::find_photo(connection, photo.post)?;
    require_later(before.as_ref(), photo)?;
    if before.as_ref() == Some(photo) {
        return Ok(before);
    }
    execute(
        connection,
        "INSERT OR REPLACE INTO photos (post_id, media_type, bytes, file_key, etag, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            photo.post.0,
            &photo.media_type,
            photo.bytes.cast_signed(),
            &photo.file_key,
            &photo.etag,
            photo.created_at.0,
        ),
    )?;
    if before.is_none() {
        execute(connection, HAS_PHOTO, [photo.post.0])?;
    }
    Ok(before)
}

pub(super) fn beat(
    connection: &Connection,
    origin: i64,
    number: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    execute(connection, DELETE_OLD_BEATS, [at.0 - BEAT_RETENTION_MS])?;
    execute(
        connection,
        "INSERT OR REPLACE INTO heartbeat (origin, number, beaten_at) VALUES (?1, ?2, ?3)",
        (origin, number, at.0),
    )
    .map(drop)
}

/// Fails unless `author` wrote the post.
fn require_author(connection: &Connection, author: UserId, id: PostId) -> Result<(), StoreError> {
    let found: i64 = connection
        .prepare_cached(AUTHOR)
        .and_then(|mut statement| statement.query_row([id.0], |row| row.get(0)))
        .map_err(|error| failed(&error))?;
    if found == author.0 {
        Ok(())
    } else {
        Err(StoreError::Forbidden)
    }
}

/// Changes a user's number of posts and returns the handle.
pub(super) fn count_post(
    connection: &Connection,
    user: UserId,
    change: i64,
) -> Result<String, StoreError> {
    connection
        .prepare_cached(COUNT_POST)
        .and_then(|mut statement| {
            statement
                .query_row((user.0, change), |row| row.get(0))
                .optional()
        })
        .map_err(|error| failed(&error))?
        .ok_or(StoreError::NotFound)
}

fn count_follow(
    connection: &Connection,
    follower: UserId,
    followee: UserId,
    change: i64,
) -> Result<(), StoreError> {
    if change != 0 {
        execute(connection, COUNT_FOLLOWING, (follower.0, change))?;
        execute(connection, COUNT_FOLLOWERS, (followee.0, change))?;
    }
    Ok(())
}

pub(super) fn execute(
    connection: &Connection,
    statement: &str,
    parameters: impl Params,
) -> Result<usize, StoreError> {
    connection
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(parameters))
        .map_err(|error| failed(&error))
}
