//! Messages between the parts of the service.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Page, Photo, Post, PostId, Timestamp, UserId};
use crate::store::StoreError;

/// Path of the calls. No balancer forwards it.
pub(crate) const PATH: &str = "/internal/calls";
/// Header with the key that all parts share.
pub(crate) const HEADER_KEY: http::HeaderName =
    http::HeaderName::from_static("tenfold-services-key");

/// Call of another part. Answered with a `Result` of its value or a [`Failure`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Call {
    /// Checks that the store of the part serves reads.
    Ping,
    /// The session of a token, by its digest. Asked of users.
    Session { token: [u8; 32], now: Timestamp },
    /// Followed users. Asked of users.
    Followees { user: UserId, limit: u32 },
    /// A user with counts. Asked of posts.
    User { id: UserId },
    /// A post. Asked of posts.
    Post { id: PostId },
    /// Those of the posts that exist. Asked of posts.
    PostsWith { ids: Vec<PostId> },
    /// Posts of a user. Asked of posts.
    PostsBy { author: UserId, page: PageCall },
    /// Posts of several users. Asked of posts.
    PostsByAny {
        authors: Vec<UserId>,
        page: PageCall,
    },
    /// Record of a photo. Asked of posts.
    Photo { post: PostId },
    /// Sets a photo. May be repeated. Asked of posts.
    PutPhoto { author: UserId, photo: Photo },
}

/// Page of a list of posts.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct PageCall {
    before: Option<PostId>,
    limit: u32,
}

impl From<Page> for PageCall {
    fn from(page: Page) -> Self {
        Self {
            before: page.before(),
            limit: page.limit(),
        }
    }
}

impl From<PageCall> for Page {
    fn from(page: PageCall) -> Self {
        Self::new(page.before, page.limit)
    }
}

/// Failure of a call, as [`StoreError`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Failure {
    NotFound,
    Conflict(String),
    Forbidden,
    Invalid(String),
    Full(String),
    Busy(String),
    Unavailable(String),
    Incomplete(Vec<Post>),
    Moved,
    Other(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict(why) => Self::Conflict(why),
            StoreError::Forbidden => Self::Forbidden,
            StoreError::Invalid(why) => Self::Invalid(why),
            StoreError::Full(why) => Self::Full(why),
            StoreError::Busy(why) => Self::Busy(why),
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Incomplete(posts) => Self::Incomplete(Arc::unwrap_or_clone(posts)),
            StoreError::Moved => Self::Moved,
            StoreError::Other(why) => Self::Other(why),
        }
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound => Self::NotFound,
            Failure::Conflict(why) => Self::Conflict(why),
            Failure::Forbidden => Self::Forbidden,
            Failure::Invalid(why) => Self::Invalid(why),
            Failure::Full(why) => Self::Full(why),
            Failure::Busy(why) => Self::Busy(why),
            Failure::Unavailable(why) => Self::Unavailable(why),
            Failure::Incomplete(posts) => Self::Incomplete(Arc::new(posts)),
            Failure::Moved => Self::Moved,
            Failure::Other(why) => Self::Other(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn failures_are_read_as_written(kind in 0..10_u8, why in ".*") {
            let error = match kind {
                0 => StoreError::NotFound,
                1 => StoreError::Conflict(why),
                2 => StoreError::Forbidden,
                3 => StoreError::Invalid(why),
                4 => StoreError::Full(why),
                5 => StoreError::Unavailable(why),
                6 => StoreError::Incomplete(Arc::default()),
                7 => StoreError::Moved,
                8 => StoreError::Busy(why),
                _ => StoreError::Other(why),
            };
            let text = serde_json::to_vec(&Failure::from(error.clone())).unwrap();
            let read: Failure = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(StoreError::from(read), error);
        }

        #[test]
        fn any_message_is_harmless(message: Vec<u8>) {
            let _ = serde_json::from_slice::<Call>(&message);
            let _ = serde_json::from_slice::<Result<Post, Failure>>(&message);
        }
    }
}
