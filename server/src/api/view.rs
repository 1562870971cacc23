//! What the interface shows of the model.

use axum::body::Bytes;
use bytes::{BufMut, BytesMut};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::written;
use crate::model::{Post, Timestamp, User};
use crate::problem::Problem;
use crate::store::{PostList, Shared};

/// A post.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Post)]
pub(super) struct PostView<'a> {
    /// The number.
    id: i64,
    /// Who wrote it.
    author: AuthorView<'a>,
    /// The Markdown.
    content: &'a str,
    /// The Markdown rendered and sanitised.
    html: &'a str,
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
pub(super) struct AuthorView<'a> {
    /// The number.
    id: i64,
    /// The unique name.
    handle: &'a str,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserView<'a> {
    /// The number.
    id: i64,
    /// The unique name.
    handle: &'a str,
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
pub(super) struct UserPageView<'a> {
    /// The user.
    user: UserView<'a>,
    /// A page of posts.
    page: PageView<'a>,
}

/// A page of posts, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Page)]
pub(super) struct PageView<'a> {
    /// The posts.
    posts: Vec<PostView<'a>>,
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

impl UserPageView<'_> {
    /// Puts the page together of a [`UserView`] and a [`PageView`] that are JSON already.
    pub(super) fn written(user: &[u8], page: &[u8]) -> Bytes {
        [b"{\"user\":", user, b",\"page\":", page, b"}"]
            .concat()
            .into()
    }
}

impl PostView<'_> {
    /// The post as JSON, made once for all who share it.
    pub(super) fn written(post: &Shared<Post>) -> Result<Bytes, Problem> {
        post.body(|post| written(&PostView::from(post)))
    }
}

impl<'a> PageView<'a> {
    /// Shows a page that could have had `limit` posts.
    pub(super) fn new(posts: &'a PostList, limit: u32) -> Self {
        Self {
            next: next(posts, limit),
            posts: posts.iter().map(|post| PostView::from(&***post)).collect(),
        }
    }

    /// The same page put together of posts that are JSON already: for a page that often changes, while
    /// most of its posts stay.
    pub(super) fn written(posts: &PostList, limit: u32) -> Result<Bytes, Problem> {
        let bodies = posts.iter().map(|post| PostView::written(post));
        let bodies = bodies.collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = bodies.iter().map(|body| body.len() + 1).sum();
        let mut page = BytesMut::with_capacity(bytes + 64);
        page.put_slice(b"{\"posts\":[");
        for (place, body) in bodies.iter().enumerate() {
            if place > 0 {
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

/// Where the page after this one begins, where this one is full.
fn next(posts: &PostList, limit: u32) -> Option<i64> {
    let full = posts.len() >= limit as usize;
    posts.last().filter(|_| full).map(|post| post.id.0)
}

impl<'a> From<&'a Post> for PostView<'a> {
    fn from(post: &'a Post) -> Self {
        Self {
            id: post.id.0,
            author: AuthorView {
                id: post.author.0,
                handle: &post.author_handle,
            },
            content: &post.content,
            html: &post.html,
            created_at: ms(post.created_at),
            updated_at: ms(post.updated_at),
            has_photo: post.has_photo,
        }
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
    fn a_page_put_together_is_the_page_written_at_once() {
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
            page: PageView::new(&posts, 1),
        };
        let parts = UserPageView::written(
            &serde_json::to_vec(&UserView::from(&user)).unwrap(),
            &serde_json::to_vec(&PageView::new(&posts, 1)).unwrap(),
        );
        assert_eq!(parts, serde_json::to_vec(&whole).unwrap());
    }

    #[test]
    fn a_page_of_written_posts_is_the_page_written_at_once() {
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
            for _ in 0..2 {
                let page = PageView::written(&posts, limit).unwrap();
                let whole = serde_json::to_vec(&PageView::new(&posts, limit)).unwrap();
                assert_eq!(page, whole);
            }
        }
    }
}
