//! The queries that read. Each goes by an index; a test asks the server for the plan of every one.

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{FromRowError, Params, Row};

use super::failure::Failure;
use crate::model::{
    Credentials, LiveSession, Page, Photo, Post, PostId, Timestamp, TokenDigest, User, UserId,
};
use crate::store::StoreError;

/// How many of the newest posts, of whomever, a feed looks at first for each post that it shows. In tests there are few.
const FIRST_LOOK: i64 = if cfg!(test) { 1 } else { 100 };

/// By how much more it looks at where those were not enough: the looks in vain add a fifteenth of the last.
const WIDER: i64 = 16;

pub(super) const CREDENTIALS: &str = "SELECT id, password_hash FROM users WHERE handle = ?";
pub(super) const USER: &str =
    "SELECT id, handle, created_at, followers, following, posts FROM users WHERE id = ?";
pub(super) const USER_EXISTS: &str = "SELECT 1 FROM users WHERE id = ?";
pub(super) const SESSION: &str =
    "SELECT user_id, expires_at FROM sessions WHERE token = ? AND expires_at > ?";
pub(super) const FOLLOWEES: &str =
    "SELECT followee_id FROM follows WHERE follower_id = ? ORDER BY followee_id LIMIT ?";
pub(super) const NEWEST_BEAT: &str = "SELECT number FROM heartbeat WHERE origin = ?";
pub(super) const POST: &str = "\
    SELECT p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
    FROM posts p JOIN users u ON u.id = p.author_id WHERE p.id = ?";
pub(super) const POSTS_BY: &str = "\
    SELECT p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
    FROM posts p JOIN users u ON u.id = p.author_id \
    WHERE p.author_id = ? AND p.id < ? ORDER BY p.id DESC LIMIT ?";
/// Finds the numbers of a page in the index alone, and the contents last. All that the followed wrote from a number on is
/// put in order for it, which for the popular is much: so it is asked for what is newest first (see [`feed`]).
pub(super) const FEED: &str = "\
    SELECT p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
    FROM (SELECT n.id FROM follows f JOIN posts n ON n.author_id = f.followee_id \
          WHERE f.follower_id = ? AND n.id < ? AND n.id >= ? ORDER BY n.id DESC LIMIT ?) page \
    JOIN posts p ON p.id = page.id JOIN users u ON u.id = p.author_id ORDER BY page.id DESC";
pub(super) const NEWEST_POST: &str = "SELECT MAX(id) FROM posts";
pub(super) const PHOTO: &str = "\
    SELECT post_id, media_type, bytes, file_key, etag, created_at FROM photos WHERE post_id = ?";

pub(super) async fn credentials(
    connection: &mut impl Queryable,
    handle: &str,
) -> Result<Credentials, Failure> {
    let (user, password_hash) = one(connection, CREDENTIALS, (handle,)).await?;
    Ok(Credentials {
        user: UserId(user),
        password_hash,
    })
}

pub(super) async fn user(connection: &mut impl Queryable, id: UserId) -> Result<User, Failure> {
    let (id, handle, created_at, followers, following, posts) =
        one(connection, USER, (id.0,)).await?;
    Ok(User {
        id: UserId(id),
        handle,
        created_at: Timestamp(created_at),
        followers,
        following,
        posts,
    })
}

pub(super) async fn session(
    connection: &mut impl Queryable,
    token: &TokenDigest,
    now: Timestamp,
) -> Result<LiveSession, Failure> {
    let (user, expires_at) = one(connection, SESSION, (&token.0[..], now.0)).await?;
    Ok(LiveSession {
        user: UserId(user),
        expires_at: Timestamp(expires_at),
    })
}

pub(super) async fn followees(
    connection: &mut impl Queryable,
    user: UserId,
    limit: u32,
) -> Result<Vec<UserId>, Failure> {
    let rows: Vec<(i64,)> = connection.exec(FOLLOWEES, (user.0, limit)).await?;
    Ok(rows.into_iter().map(|(id,)| UserId(id)).collect())
}

pub(super) async fn newest_beat(
    connection: &mut impl Queryable,
    origin: i64,
) -> Result<Option<i64>, Failure> {
    let row: Option<(i64,)> = connection.exec_first(NEWEST_BEAT, (origin,)).await?;
    Ok(row.map(|(number,)| number))
}

pub(super) async fn post(connection: &mut impl Queryable, id: PostId) -> Result<Post, Failure> {
    one::<PostRow>(connection, POST, (id.0,))
        .await
        .map(|row| row.0)
}

pub(super) async fn posts_by(
    connection: &mut impl Queryable,
    author: UserId,
    page: Page,
) -> Result<Vec<Post>, Failure> {
    posts(connection, POSTS_BY, author, page).await
}

pub(super) async fn feed(
    connection: &mut impl Queryable,
    user: UserId,
    page: Page,
) -> Result<Vec<Post>, Failure> {
    let (before, top) = match page.before() {
        Some(PostId(before)) => (before, before),
        None => {
            let newest: Option<(Option<i64>,)> = connection.exec_first(NEWEST_POST, ()).await?;
            let newest = newest.and_then(|(newest,)| newest).unwrap_or(0);
            (i64::MAX, newest.saturating_add(1))
        }
    };
    let mut looked_at = FIRST_LOOK * i64::from(page.limit());
    loop {
        let from = top.saturating_sub(looked_at);
        let parameters = (user.0, before, from, page.limit());
        let rows: Vec<PostRow> = connection.exec(FEED, parameters).await?;
        if rows.len() == page.limit() as usize || from <= 1 {
            return page_of(connection, rows, user).await;
        }
        looked_at = looked_at.saturating_mul(WIDER);
    }
}

pub(super) async fn photo(
    connection: &mut impl Queryable,
    post: PostId,
) -> Result<Option<Photo>, Failure> {
    let row: Option<(i64, String, u64, String, String, i64)> =
        connection.exec_first(PHOTO, (post.0,)).await?;
    Ok(row.map(
        |(post, media_type, bytes, file_key, etag, created_at)| Photo {
            post: PostId(post),
            media_type,
            bytes,
            file_key,
            etag,
            created_at: Timestamp(created_at),
        },
    ))
}

async fn posts(
    connection: &mut impl Queryable,
    query: &'static str,
    user: UserId,
    page: Page,
) -> Result<Vec<Post>, Failure> {
    let before = page.before().map_or(i64::MAX, |id| id.0);
    let rows: Vec<PostRow> = connection
        .exec(query, (user.0, before, page.limit()))
        .await?;
    page_of(connection, rows, user).await
}

async fn page_of(
    connection: &mut impl Queryable,
    rows: Vec<PostRow>,
    user: UserId,
) -> Result<Vec<Post>, Failure> {
    if rows.is_empty() {
        // None, since there is no such user?
        let _: (i64,) = one(connection, USER_EXISTS, (user.0,)).await?;
    }
    Ok(rows.into_iter().map(|row| row.0).collect())
}

async fn one<T: FromRow + Send + 'static>(
    connection: &mut impl Queryable,
    query: &'static str,
    parameters: impl Into<Params> + Send,
) -> Result<T, Failure> {
    let row = connection.exec_first(query, parameters.into()).await?;
    row.ok_or(Failure::Store(StoreError::NotFound))
}

struct PostRow(Post);

impl FromRow for PostRow {
    fn from_row_opt(row: Row) -> Result<Self, FromRowError> {
        let (id, author, author_handle, content, html, created_at, updated_at, has_photo) =
            FromRow::from_row_opt(row)?;
        Ok(Self(Post {
            id: PostId(id),
            author: UserId(author),
            author_handle,
            content,
            html,
            created_at: Timestamp(created_at),
            updated_at: Timestamp(updated_at),
            has_photo,
        }))
    }
}
