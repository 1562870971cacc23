//! What the interface shows of the model.

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Post, Timestamp, User};

/// A post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Post)]
pub(super) struct PostView {
    /// The number.
    id: i64,
    /// Who wrote it.
    author: AuthorView,
    /// The Markdown.
    content: String,
    /// The Markdown rendered and sanitised.
    html: String,
    /// When it was written, in milliseconds since 1970.
    created_at: i64,
    /// When it was last changed, in milliseconds since 1970.
    updated_at: i64,
    /// Whether it has a photo, at `photo` and `thumbnail` below it.
    has_photo: bool,
}

/// The author of a post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Author)]
pub(super) struct AuthorView {
    /// The number.
    id: i64,
    /// The unique name.
    handle: String,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserView {
    /// The number.
    id: i64,
    /// The unique name.
    handle: String,
    /// When the user signed up, in milliseconds since 1970.
    created_at: i64,
    /// How many follow this user.
    followers: u64,
    /// How many this user follows.
    following: u64,
    /// How many posts this user has.
    post_count: u64,
}

/// A user with recent posts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserWithPosts)]
pub(super) struct UserPageView {
    /// The user.
    pub(super) user: UserView,
    /// A page of posts.
    pub(super) page: PageView,
}

/// A page of posts, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(super) struct PageView {
    /// The posts.
    posts: Vec<PostView>,
    /// Where the next page begins, or null where this one was not full.
    next: Option<i64>,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView<'a> {
    /// The bearer token.
    #[schema(format = Password)]
    pub(super) token: &'a str,
    /// Whose session it is.
    pub(super) user_id: i64,
    /// When it ends, in milliseconds since 1970.
    pub(super) expires_at: i64,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct HealthView {
    /// `ok`.
    pub(super) status: &'static str,
}

impl PageView {
    /// Shows a page that could have had `limit` posts.
    pub(super) fn new(posts: Vec<Post>, limit: u32) -> Self {
        let full = posts.len() >= limit as usize;
        Self {
            next: posts.last().filter(|_| full).map(|post| post.id.0),
            posts: posts.into_iter().map(PostView::from).collect(),
        }
    }
}

impl From<Post> for PostView {
    fn from(post: Post) -> Self {
        Self {
            id: post.id.0,
            author: AuthorView {
                id: post.author.0,
                handle: post.author_handle,
            },
            content: post.content,
            html: post.html,
            created_at: ms(post.created_at),
            updated_at: ms(post.updated_at),
            has_photo: post.has_photo,
        }
    }
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            handle: user.handle,
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
