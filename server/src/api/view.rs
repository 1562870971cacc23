//! JSON representation of the model.

use axum::body::Bytes;
use bytes::{BufMut, BytesMut};
use serde::Serialize;
use utoipa::ToSchema;

use super::response::to_json;
use crate::ledger::{self, Part};
use crate::model::{ContentFormat, Post, Timestamp, User};
use crate::problem::Problem;
use crate::store::{PostList, Shared};

/// Post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Post)]
pub(super) struct PostView<'a> {
    /// Identifier.
    id: i64,
    /// Author.
    author: AuthorView<'a>,
    /// Markdown. Absent if only HTML was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    /// Content as sanitised HTML. Absent if only Markdown was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    /// Time of creation, in milliseconds since 1970.
    created_at: i64,
    /// Time of the last edit, in milliseconds since 1970.
    updated_at: i64,
    /// True if the post has a photo; see its `photo` and `thumbnail`.
    has_photo: bool,
}

/// Author of a post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Author)]
pub(super) struct AuthorView<'a> {
    /// Identifier.
    id: i64,
    /// Unique name.
    handle: &'a str,
}

/// User.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserView<'a> {
    /// Identifier.
    id: i64,
    /// Unique name.
    handle: &'a str,
    /// Time of sign-up, in milliseconds since 1970.
    created_at: i64,
    /// Number of followers.
    followers: u64,
    /// Number of followed users.
    following: u64,
    /// Number of posts.
    post_count: u64,
}

/// User with recent posts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserWithPosts)]
pub(super) struct UserPageView<'a> {
    /// User.
    user: UserView<'a>,
    /// Page of posts.
    page: PageView<'a>,
}

/// Page of posts, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(super) struct PageView<'a> {
    /// Posts.
    posts: Vec<PostView<'a>>,
    /// Cursor of the next page; null if this page is not full.
    next: Option<i64>,
}

/// Session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView<'a> {
    /// Bearer token.
    #[schema(format = Password)]
    pub(super) token: &'a str,
    /// Identifier of the user.
    pub(super) user_id: i64,
    /// Expiry, in milliseconds since 1970.
    pub(super) expires_at: i64,
}

/// State of the service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthView {
    /// `ok`.
    pub(super) status: &'static str,
}

/// Job of an uploaded photo.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct JobView<'a> {
    /// Identifier.
    id: &'a str,
    /// `waiting`, `done` or `failed`.
    state: &'static str,
    /// Path of the photo, once the job is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    photo: Option<&'a str>,
    /// Reason of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// State of a job.
#[derive(Debug)]
pub(super) enum JobState {
    /// It waits for a worker, or is worked on.
    Waiting,
    /// Photo and thumbnail are there.
    Done,
    /// The upload is no photo, with the reason.
    Failed(String),
}

impl<'a> JobView<'a> {
    /// Shows a job whose photo is to be at `path`.
    pub(super) fn new(id: &'a str, state: &'a JobState, path: &'a str) -> Self {
        let (state, photo, reason) = match state {
            JobState::Waiting => ("waiting", None, None),
            JobState::Done => ("done", Some(path), None),
            JobState::Failed(reason) => ("failed", None, Some(reason.as_str())),
        };
        Self {
            id,
            state,
            photo,
            reason,
        }
    }
}

impl UserPageView<'_> {
    /// Joins a [`UserView`] and a [`PageView`] that are already JSON.
    pub(super) fn join(user: &[u8], page: &[u8]) -> Bytes {
        [b"{\"user\":", user, b",\"page\":", page, b"}"]
            .concat()
            .into()
    }
}

impl<'a> PostView<'a> {
    /// Shows a post with its content in one format or all.
    pub(super) fn new(post: &'a Post, format: ContentFormat) -> Self {
        Self {
            id: post.id.0,
            author: AuthorView {
                id: post.author.0,
                handle: &post.author_handle,
            },
            content: format.has_markdown().then_some(&post.content),
            html: format.has_html().then_some(&post.html),
            created_at: ms(post.created_at),
            updated_at: ms(post.updated_at),
            has_photo: post.has_photo,
        }
    }

    /// Returns the post as JSON, serialised once for all readers.
    pub(super) fn json(post: &Shared<Post>, format: ContentFormat) -> Result<Bytes, Problem> {
        post.body(format, |post| to_json(&PostView::new(post, format)))
    }
}

impl<'a> PageView<'a> {
    /// Creates a page of at most `limit` posts.
    pub(super) fn new(posts: &'a PostList, limit: u32, format: ContentFormat) -> Self {
        Self {
            next: next(posts, limit),
            posts: posts
                .iter()
                .map(|post| PostView::new(post, format))
                .collect(),
        }
    }

    /// Returns the page as JSON, joined from posts that are already JSON. For pages that change often, while
    /// most of their posts do not.
    pub(super) fn json(
        posts: &PostList,
        limit: u32,
        format: ContentFormat,
    ) -> Result<Bytes, Problem> {
        let _span = ledger::enter(Part::Serialize);
        let bodies = posts.iter().map(|post| PostView::json(post, format));
        let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = bodies.iter().map(|body| body.len() + 1).sum();
        let mut page = BytesMut::with_capacity(bytes + 64);
        page.put_slice(b"{\"posts\":[");
        for (index, body) in bodies.iter().enumerate() {
            if index > 0 {
                page.put_u8(b',');
            }
            page.put_slice(body);
        }
        page.put_slice(b"],\"next\":");
        match next(posts, limit) {
            Some(next) => page.put_slice(itoa::Buffer::new().format(next).as_bytes()),
            None => page.put_slice(b"null"),
        }
        page.put_u8(b'}');
        Ok(page.freeze())
    }
}

/// Returns the cursor of the next page. `None` if this page is not full.
fn next(posts: &PostList, limit: u32) -> Option<i64> {
    let full = posts.len() >= limit as usize;
    posts.last().filter(|_| full).map(|post| post.id.0)
}

impl<'a> From<&'a Post> for PostView<'a> {
    fn from(post: &'a Post) -> Self {
        Self::new(post, ContentFormat::All)
    }
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id.0,
            handle: &user.handle,
            created_at: ms(user.created_at),
            followers: user.followers,
            following: user.following,
            post_count: user.posts,
        }
    }
}

fn ms(time: Timestamp) -> i64 {
    time.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PostId, UserId};

    #[test]
    fn joined_user_page_equals_serialised_page() {
        let user = User {
            id: UserId(7),
            handle: "somebody".to_owned(),
            created_at: Timestamp(1),
            followers: 2,
            following: 3,
            posts: 4,
        };
        let posts = PostList::new(vec![Post {
            id: PostId(9),
            author: user.id,
            author_handle: user.handle.clone(),
            content: "\"quoted\"".to_owned(),
            html: "<p>&quot;</p>".to_owned(),
            created_at: Timestamp(5),
            updated_at: Timestamp(6),
            has_photo: false,
        }]);
        let whole = UserPageView {
            user: (&user).into(),
            page: PageView::new(&posts, 1, ContentFormat::All),
        };
        let parts = UserPageView::join(
            &serde_json::to_vec(&UserView::from(&user)).unwrap(),
            &serde_json::to_vec(&PageView::new(&posts, 1, ContentFormat::All)).unwrap(),
        );
        assert_eq!(parts, serde_json::to_vec(&whole).unwrap());
    }

    #[test]
    fn joined_page_equals_serialised_page() {
        let post = |id| Post {
            id: PostId(id),
            author: UserId(1),
            author_handle: "somebody".to_owned(),
            content: format!("\"{id}\""),
            html: "<p>&quot;</p>".to_owned(),
            created_at: Timestamp(5),
            updated_at: Timestamp(6),
            has_photo: id == 2,
        };
        for (ids, limit) in [(0..0, 1), (0..1, 1), (0..3, 3), (0..3, 4)] {
            let posts = PostList::new(ids.rev().map(post).collect());
            let formats = [
                ContentFormat::All,
                ContentFormat::Markdown,
                ContentFormat::Html,
            ];
            for format in formats.into_iter().chain(formats) {
                let page = PageView::json(&posts, limit, format).unwrap();
                let whole = serde_json::to_vec(&PageView::new(&posts, limit, format)).unwrap();
                assert_eq!(page, whole);
            }
        }
    }
}
