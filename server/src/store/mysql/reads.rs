//! Read queries. Each uses an index; a test checks all query plans.

use std::sync::LazyLock;

use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{FromRowError, Params, Row, Value};

use super::failure::Failure;
use crate::model::{
    Credentials, LiveSession, Page, Photo, Post, PostId, Timestamp, TokenDigest, User, UserId,
};
use crate::store::StoreError;

/// Number of the newest posts, by any author, that a feed searches first, per requested post. Small in
/// tests.
const FIRST_SEARCH: i64 = if cfg!(test) { 1 } else { 100 };

/// Numbers of authors for which there is a feed statement. Small in tests.
const AUTHORS: [usize; 3] = if cfg!(test) {
    [1, 4, 16]
} else {
    [16, 64, 256]
};

/// Factor by which each further search is larger. All but the last add up to a fifteenth of it.
const SEARCH_GROWTH: i64 = 16;

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
/// The followees of a user, each with the identifier of the newest post of all.
pub(super) const FOLLOWED: &str =
    "SELECT followee_id, (SELECT MAX(id) FROM posts) FROM follows WHERE follower_id = ? LIMIT ?";
/// Feed of a user with more followees than fit into [`FEEDS_OF`]. Scans all their posts in the index.
pub(super) static FEED: LazyLock<String> = LazyLock::new(|| {
    feed_of(
        "follows f JOIN posts n FORCE INDEX (posts_author_id) ON n.author_id = f.followee_id \
         WHERE f.follower_id = ?",
    )
});
/// Feeds by number of authors. They scan the authors' posts from an identifier on, which a join cannot do.
/// Fewer authors are padded with the last, to keep the number of prepared statements small.
pub(super) static FEEDS_OF: LazyLock<[(usize, String); 3]> = LazyLock::new(|| {
    AUTHORS.map(|authors| {
        let placeholders = vec!["?"; authors].join(",");
        let statement = feed_of(&format!(
            "posts n FORCE INDEX (posts_author_id) WHERE n.author_id IN ({placeholders})"
        ));
        (authors, statement)
    })
});
/// Posts by identifier, by number of identifiers. Fewer are padded with the last.
pub(super) static POSTS_WITH: LazyLock<[(usize, String); 3]> = LazyLock::new(|| {
    [4, 20, 100].map(|posts| {
        let placeholders = vec!["?"; posts].join(",");
        let statement = format!(
            "SELECT STRAIGHT_JOIN p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
             FROM posts p FORCE INDEX (PRIMARY) JOIN users u FORCE INDEX (PRIMARY) ON u.id = p.author_id \
             WHERE p.id IN ({placeholders})"
        );
        (posts, statement)
    })
});
pub(super) const PHOTO: &str = "\
    SELECT post_id, media_type, bytes, file_key, etag, created_at FROM photos WHERE post_id = ?";

/// Builds a feed query. It finds the identifiers of a page in the index alone and reads the contents last.
/// All identifiers in the range are sorted, which is expensive for popular authors: so callers search the
/// newest first (see [`feed`]).
///
/// The plan is fixed. Otherwise, a server with outdated statistics may start with the wrong table, or scan it.
fn feed_of(posts: &str) -> String {
    format!(
        "SELECT STRAIGHT_JOIN p.id, p.author_id, u.handle, p.content, p.html, p.created_at, p.updated_at, p.has_photo \
         FROM (SELECT STRAIGHT_JOIN n.id FROM {posts} AND n.id < ? AND n.id >= ? ORDER BY n.id DESC LIMIT ?) page \
         JOIN posts p FORCE INDEX (PRIMARY) ON p.id = page.id \
         JOIN users u FORCE INDEX (PRIMARY) ON u.id = p.author_id ORDER BY page.id DESC"
    )
}

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
    let [.., (authors_max, _)] = &*FEEDS_OF;
    let followed: Vec<(i64, Option<i64>)> =
        connection.exec(FOLLOWED, (user.0, authors_max + 1)).await?;
    // Without posts or followees, the feed is empty.
    let Some(&(last, Some(newest))) = followed.last() else {
        return page_of(connection, Vec::new(), user).await;
    };
    let fitting = FEEDS_OF.iter().find(|(room, _)| followed.len() <= *room);
    let (statement, authors) = match fitting {
        Some((room, statement)) => {
            let mut authors: Vec<i64> = followed.iter().map(|(author, _)| *author).collect();
            authors.resize(*room, last);
            (statement, authors)
        }
        None => (&*FEED, vec![user.0]),
    };
    let (before, top) = match page.before() {
        Some(PostId(before)) => (before, before.min(newest.saturating_add(1))),
        None => (i64::MAX, newest.saturating_add(1)),
    };
    let mut searched = FIRST_SEARCH * i64::from(page.limit());
    loop {
        let from = top.saturating_sub(searched);
        let bounds = [before, from, i64::from(page.limit())];
        let parameters = authors
            .iter()
            .chain(&bounds)
            .map(|number| Value::from(*number));
        let parameters = Params::Positional(parameters.collect());
        let rows: Vec<PostRow> = connection.exec(statement.as_str(), parameters).await?;
        if rows.len() == page.limit() as usize || from <= 1 {
            return page_of(connection, rows, user).await;
        }
        searched = searched.saturating_mul(SEARCH_GROWTH);
    }
}

pub(super) async fn posts_with(
    connection: &mut impl Queryable,
    ids: &[PostId],
) -> Result<Vec<Post>, Failure> {
    let [.., (most, largest)] = &*POSTS_WITH;
    let mut posts = Vec::with_capacity(ids.len());
    for some in ids.chunks(*most) {
        let fitting = POSTS_WITH.iter().find(|(room, _)| some.len() <= *room);
        let (room, statement) = fitting.map_or((*most, largest), |(room, own)| (*room, own));
        let last = some.last().map_or(0, |id| id.0);
        let padding = std::iter::repeat_n(last, room - some.len());
        let values = some.iter().map(|id| id.0).chain(padding).map(Value::from);
        let parameters = Params::Positional(values.collect());
        let rows: Vec<PostRow> = connection.exec(statement.as_str(), parameters).await?;
        posts.extend(rows.into_iter().map(|row| row.0));
    }
    Ok(posts)
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
        // Distinguishes an empty list from an unknown user.
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

pub(super) struct PostRow(pub(super) Post);

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
