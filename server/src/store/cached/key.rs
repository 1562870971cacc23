//! What is cached under which key.

use bytes::Bytes;

use crate::model::{PostId, TokenDigest, UserId};

/// How many posts the first page of a list may have to be cached. What is asked for is rounded up to one
/// of these: a page of each is all that has to be forgotten when the list changes.
pub(super) const PAGES: [u32; 2] = [10, 20];

/// What something is cached under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Post(PostId),
    User(UserId),
    Photo(PostId),
    Session(TokenDigest),
    /// Whom a user follows: what the validity of a feed is judged by.
    Followees(UserId),
    /// The newest posts of a user, at most so many.
    Posts(UserId, u32),
    /// The newest posts of all whom a user follows, at most so many. Never in the shared cache.
    Feed(UserId, u32),
}

impl Key {
    /// The key in the shared cache.
    pub(super) fn shared(&self, namespace: &str) -> Bytes {
        let text = match self {
            Self::Post(id) => format!("{namespace}:post:{id}"),
            Self::User(id) => format!("{namespace}:user:{id}"),
            Self::Photo(id) => format!("{namespace}:photo:{id}"),
            Self::Followees(id) => format!("{namespace}:followees:{id}"),
            Self::Posts(id, limit) => format!("{namespace}:posts:{id}:{limit}"),
            Self::Feed(id, limit) => format!("{namespace}:feed:{id}:{limit}"),
            Self::Session(token) => {
                let mut key = format!("{namespace}:session:").into_bytes();
                key.extend_from_slice(&token.0);
                return key.into();
            }
        };
        text.into()
    }

    /// Both pages of a user's posts.
    pub(super) fn pages_of(author: UserId) -> [Self; 2] {
        PAGES.map(|limit| Self::Posts(author, limit))
    }
}
