//! Cache keys.

use bytes::Bytes;

use crate::model::{PostId, TokenDigest, UserId};

/// Lengths of cached first pages. A requested length is rounded up to one of these, so that a change of the
/// list has to invalidate two pages only.
pub(super) const PAGES: [u32; 2] = [10, 20];

/// Key of a cached value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Post(PostId),
    User(UserId),
    Photo(PostId),
    Session(TokenDigest),
    /// Followees of a user, which validate a feed.
    Followees(UserId),
    /// Newest posts of a user, at most this many.
    Posts(UserId, u32),
    /// Newest posts of all followed users, at most this many. Never in the shared cache.
    Feed(UserId, u32),
}

impl Key {
    /// Returns the key in the shared cache.
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

    /// Returns the keys of both pages of a user's posts.
    pub(super) fn pages_of(author: UserId) -> [Self; 2] {
        PAGES.map(|limit| Self::Posts(author, limit))
    }
}
