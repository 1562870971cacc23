//! Read queries. Each uses an index; a test checks all query plans.

use std::cmp::Reverse;

use rusqlite::{Connection, OptionalExtension, Row};

use super::failure::failed;
use crate::model::{
    Credentials, LiveSession, Page, Photo, Post, PostId, Timestamp, TokenDigest, User, UserId,
};
use crate::store::StoreError;

pub(super) const CREDENTIALS: &str = "SELECT id, password_hash FROM users WHERE handle = ?1";
pub(super) const USER: &str =
    "SELECT id, handle, created_at, followers, following, posts FROM users WHERE id = ?1";
pub(super) const USER_EXISTS: &str = "SELECT 1 FROM users WHERE id = ?1";
pub(super) const SESSION: &str =
    "SELECT user_id, expires_at FROM sessions WHERE token = ?1 AND expires_at > ?2";
pub(super) const FOLLOWEES: &str =
    "SELECT followee_id FROM follows WHERE follower_id = ?1 ORDER BY followee_id LIMIT ?2";
pub(super) const NEWEST_BEAT: &str = "SELECT number FROM heartbeat WHERE origin = ?1";
pub(super) const POST: &str = "\
    SELECT p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
    FROM posts p JOIN users u ON u.id = p.author_id WHERE p.id = ?1";
pub(super) const POSTS_BY: &str = "\
    SELECT p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
    FROM posts p JOIN users u ON u.id = p.author_id \
    WHERE p.author_id = ?1 AND p.id < ?2 ORDER BY p.id DESC LIMIT ?3";
/// Reads the index only.
pub(super) const NEWEST_BY: &str = "\
    SELECT id FROM posts WHERE author_id = ?1 AND id < ?2 AND id > ?3 ORDER BY id DESC LIMIT ?4";
pub(super) const PHOTO: &str = "\
    SELECT post_id, media_type, bytes, file_key, etag, created_at FROM photos WHERE post_id = ?1";

pub(super) fn credentials(
    connection: &Connection,
    handle: &str,
) -> Result<Credentials, StoreError> {
    one(connection, CREDENTIALS, [handle], |row| {
        Ok(Credentials {
            user: UserId(row.get(0)?),
            password_hash: row.get(1)?,
        })
    })
}

pub(super) fn user(connection: &Connection, id: UserId) -> Result<User, StoreError> {
    one(connection, USER, [id.0], |row| {
        Ok(User {
            id: UserId(row.get(0)?),
            handle: row.get(1)?,
            created_at: Timestamp(row.get(2)?),
            followers: count(row, 3)?,
            following: count(row, 4)?,
            posts: count(row, 5)?,
        })
    })
}

pub(super) fn session(
    connection: &Connection,
    token: &TokenDigest,
    now: Timestamp,
) -> Result<LiveSession, StoreError> {
    one(connection, SESSION, (&token.0[..], now.0), |row| {
        Ok(LiveSession {
            user: UserId(row.get(0)?),
            expires_at: Timestamp(row.get(1)?),
        })
    })
}

pub(super) fn followees(
    connection: &Connection,
    user: UserId,
    limit: u32,
) -> Result<Vec<UserId>, StoreError> {
    let read = || -> rusqlite::Result<Vec<UserId>> {
        let mut statement = connection.prepare_cached(FOLLOWEES)?;
        let rows = statement.query_map((user.0, limit), |row| row.get(0).map(UserId))?;
        rows.collect()
    };
    read().map_err(|error| failed(&error))
}

pub(super) fn newest_beat(connection: &Connection, origin: i64) -> Result<Option<i64>, StoreError> {
    connection
        .prepare_cached(NEWEST_BEAT)
        .and_then(|mut statement| statement.query_row([origin], |row| row.get(0)).optional())
        .map_err(|error| failed(&error))
}

pub(super) fn post(connection: &Connection, id: PostId) -> Result<Post, StoreError> {
    one(connection, POST, [id.0], post_of)
}

pub(super) fn posts_by(
    connection: &Connection,
    author: UserId,
    page: Page,
) -> Result<Vec<Post>, StoreError> {
    let read = || -> rusqlite::Result<Vec<Post>> {
        let mut statement = connection.prepare_cached(POSTS_BY)?;
        let posts = statement.query_map((author.0, before(page), page.limit()), post_of)?;
        posts.collect()
    };
    known(connection, author, read())
}

/// Reads the newest posts of the followees. All statements see the same data.
pub(super) fn feed(
    connection: &Connection,
    user: UserId,
    page: Page,
) -> Result<Vec<Post>, StoreError> {
    let read = || -> rusqlite::Result<Vec<Post>> {
        let _transaction = connection.unchecked_transaction()?;
        let mut followees = connection.prepare_cached(FOLLOWEES)?;
        let followees = followees.query_map((user.0, i64::MAX), |row| row.get(0).map(UserId))?;
        newest_by_any(connection, followees, page)
    };
    known(connection, user, read())
}

/// Reads the newest posts of several authors.
pub(super) fn posts_by_any(
    connection: &Connection,
    authors: Vec<UserId>,
    page: Page,
) -> Result<Vec<Post>, StoreError> {
    let read = || -> rusqlite::Result<Vec<Post>> {
        let _transaction = connection.unchecked_transaction()?;
        newest_by_any(connection, authors.into_iter().map(Ok), page)
    };
    read().map_err(|error| failed(&error))
}

/// Reads those of the posts that exist.
pub(super) fn posts_with(connection: &Connection, ids: &[PostId]) -> Result<Vec<Post>, StoreError> {
    let read = || -> rusqlite::Result<Vec<Post>> {
        let _transaction = connection.unchecked_transaction()?;
        let mut post = connection.prepare_cached(POST)?;
        let posts = ids
            .iter()
            .map(|id| post.query_row([id.0], post_of).optional());
        posts.filter_map(Result::transpose).collect()
    };
    read().map_err(|error| failed(&error))
}

/// Reads at most a page of identifiers per author from the index, then the contents of the page alone. So the cost depends on
/// the number of authors and not of their posts, and no row is read that is not returned: rows of posts are large, and each
/// is likely on a page of its own. One statement can't do that, since SQLite has no lateral join.
fn newest_by_any(
    connection: &Connection,
    authors: impl Iterator<Item = rusqlite::Result<UserId>>,
    page: Page,
) -> rusqlite::Result<Vec<Post>> {
    let limit = page.limit() as usize;
    let mut newest: Vec<i64> = Vec::new();
    let mut newest_by = connection.prepare_cached(NEWEST_BY)?;
    for author in authors {
        let after = newest.get(limit - 1).copied().unwrap_or(0);
        let ids = (author?.0, before(page), after, page.limit());
        for id in newest_by.query_map(ids, |row| row.get(0))? {
            newest.push(id?);
        }
        newest.sort_unstable_by_key(|id| Reverse(*id));
        newest.truncate(limit);
    }
    let mut post = connection.prepare_cached(POST)?;
    let posts = newest.iter().map(|id| post.query_row([id], post_of));
    posts.collect()
}

pub(super) fn photo(connection: &Connection, post: PostId) -> Result<Photo, StoreError> {
    find_photo(connection, post)?.ok_or(StoreError::NotFound)
}

pub(super) fn find_photo(
    connection: &Connection,
    post: PostId,
) -> Result<Option<Photo>, StoreError> {
    let photo = connection.prepare_cached(PHOTO).and_then(|mut statement| {
        statement
            .query_row([post.0], |row| {
                Ok(Photo {
                    post: PostId(row.get(0)?),
                    media_type: row.get(1)?,
                    bytes: count(row, 2)?,
                    file_key: row.get(3)?,
                    etag: row.get(4)?,
                    created_at: Timestamp(row.get(5)?),
                })
            })
            .optional()
    });
    photo.map_err(|error| failed(&error))
}

pub(super) fn ping(connection: &Connection) -> Result<(), StoreError> {
    one(
        connection,
        "SELECT count(*) FROM meta WHERE key = 'data_set'",
        (),
        |_| Ok(()),
    )
}

/// Returns an error if the list is empty because the user is unknown.
fn known(
    connection: &Connection,
    user: UserId,
    posts: rusqlite::Result<Vec<Post>>,
) -> Result<Vec<Post>, StoreError> {
    let posts = posts.map_err(|error| failed(&error))?;
    if posts.is_empty() {
        one(connection, USER_EXISTS, [user.0], |_| Ok(()))?;
    }
    Ok(posts)
}

/// Returns the identifier before which the posts of a page are.
fn before(page: Page) -> i64 {
    page.before().map_or(i64::MAX, |id| id.0)
}

fn one<T>(
    connection: &Connection,
    query: &str,
    parameters: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    connection
        .prepare_cached(query)
        .and_then(|mut statement| statement.query_row(parameters, read))
        .map_err(|error| failed(&error))
}

fn post_of(row: &Row<'_>) -> rusqlite::Result<Post> {
    Ok(Post {
        id: PostId(row.get(0)?),
        author: UserId(row.get(1)?),
        author_handle: row.get(2)?,
        content: row.get(3)?,
        html: row.get(4)?,
        created_at: Timestamp(row.get(5)?),
        updated_at: Timestamp(row.get(6)?),
        has_photo: row.get(7)?,
    })
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}
