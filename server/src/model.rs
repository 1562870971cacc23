//! What the service stores: users, posts, follows, sessions and photos.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// The longest content of a post, in bytes.
pub const CONTENT_BYTES_MAX: usize = 1_024;
/// The longest rendered HTML of a post, in bytes: what a MySQL `TEXT` column holds.
pub const HTML_BYTES_MAX: usize = 65_535;
/// The longest handle, in bytes.
pub const HANDLE_BYTES_MAX: usize = 32;
/// The longest password hash, media type, entity tag or file key, in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// The most posts in one page.
pub const PAGE_POSTS_MAX: u32 = 100;

/// The number of a user, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

/// The number of a post, from 1. A later post has a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PostId(pub i64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl From<SystemTime> for Timestamp {
    /// Rounds down to the millisecond; a time before 1970 becomes 0.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A user, as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The number.
    pub id: UserId,
    /// The unique name.
    pub handle: String,
    /// When the user signed up.
    pub created_at: Timestamp,
    /// How many users follow this one.
    pub followers: u64,
    /// How many users this one follows.
    pub following: u64,
    /// How many posts this user has.
    pub posts: u64,
}

/// A user who signs up.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The unique name: 1 to 32 of `a-z`, `0-9` and `_`.
    pub handle: String,
    /// The password's hash as a PHC string.
    pub password_hash: String,
    /// When the user signs up.
    pub created_at: Timestamp,
}

/// What is needed to check a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Whose password it is.
    pub user: UserId,
    /// The password's hash as a PHC string.
    pub password_hash: String,
}

impl fmt::Debug for Credentials {
    /// Leaves the hash out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The SHA-256 of a session token. The token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest(pub [u8; 32]);

impl fmt::Debug for TokenDigest {
    /// Leaves the digest out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// A session to begin.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The digest of its token.
    pub token: TokenDigest,
    /// Who logged in.
    pub user: UserId,
    /// When the session begins.
    pub created_at: Timestamp,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// A session that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// Who is logged in.
    pub user: UserId,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
}

/// A post with its author's handle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The number.
    pub id: PostId,
    /// Who wrote it.
    pub author: UserId,
    /// The author's unique name.
    pub author_handle: String,
    /// The Markdown, at most 1,024 bytes.
    pub content: String,
    /// The content rendered and sanitised.
    pub html: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed; equals `created_at` until then.
    pub updated_at: Timestamp,
    /// Whether it has a photo.
    pub has_photo: bool,
}

/// A post to write.
#[derive(Clone, Debug)]
pub struct NewPost {
    /// Who writes it.
    pub author: UserId,
    /// The Markdown, at most 1,024 bytes.
    pub content: String,
    /// The content rendered and sanitised.
    pub html: String,
    /// When it is written.
    pub created_at: Timestamp,
}

/// A change of a post.
#[derive(Clone, Debug)]
pub struct PostEdit {
    /// The new Markdown, at most 1,024 bytes.
    pub content: String,
    /// The content rendered and sanitised.
    pub html: String,
    /// When it is changed.
    pub updated_at: Timestamp,
}

/// The photo of a post: what the database knows; the bytes are files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// The post it belongs to.
    pub post: PostId,
    /// The media type, such as `image/jpeg`.
    pub media_type: String,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The key under which the file is kept.
    pub file_key: String,
    /// The entity tag of the file.
    pub etag: String,
    /// When it was put.
    pub created_at: Timestamp,
}

/// A page of a list of posts, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    before: Option<PostId>,
    limit: u32,
}

impl Page {
    /// The page of at most `limit` posts (1 to [`PAGE_POSTS_MAX`], brought into that range) older
    /// than `before`, or the newest ones.
    #[must_use]
    pub fn new(before: Option<PostId>, limit: u32) -> Self {
        Self {
            before,
            limit: limit.clamp(1, PAGE_POSTS_MAX),
        }
    }

    /// The post that the page ends before.
    #[must_use]
    pub fn before(self) -> Option<PostId> {
        self.before
    }

    /// The most posts it holds.
    #[must_use]
    pub fn limit(self) -> u32 {
        self.limit
    }
}

impl NewUser {
    /// Refuses a handle or hash that no backend may store.
    ///
    /// # Errors
    /// [`StoreError::Invalid`].
    pub fn check(&self) -> Result<(), StoreError> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if self.handle.is_empty()
            || self.handle.len() > HANDLE_BYTES_MAX
            || !self.handle.bytes().all(allowed)
        {
            return Err(StoreError::Invalid(format!(
                "a handle is 1 to {HANDLE_BYTES_MAX} characters of a-z, 0-9 and _"
            )));
        }
        check_len("a password hash", &self.password_hash, 1, NAME_BYTES_MAX)
    }
}

impl NewPost {
    /// Refuses content or HTML that is empty or too long.
    ///
    /// # Errors
    /// [`StoreError::Invalid`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_content(&self.content, &self.html)
    }
}

impl PostEdit {
    /// Refuses content or HTML that is empty or too long.
    ///
    /// # Errors
    /// [`StoreError::Invalid`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_content(&self.content, &self.html)
    }
}

impl Photo {
    /// Refuses a name that is empty or too long and a size beyond 2^63.
    ///
    /// # Errors
    /// [`StoreError::Invalid`].
    pub fn check(&self) -> Result<(), StoreError> {
        check_len("a media type", &self.media_type, 1, NAME_BYTES_MAX)?;
        check_len("a file key", &self.file_key, 1, NAME_BYTES_MAX)?;
        check_len("an entity tag", &self.etag, 1, NAME_BYTES_MAX)?;
        if i64::try_from(self.bytes).is_err() {
            return Err(StoreError::Invalid(format!(
                "a photo of {} bytes",
                self.bytes
            )));
        }
        Ok(())
    }
}

fn check_content(content: &str, html: &str) -> Result<(), StoreError> {
    check_len("the content of a post", content, 1, CONTENT_BYTES_MAX)?;
    check_len("the HTML of a post", html, 0, HTML_BYTES_MAX)
}

fn check_len(what: &str, text: &str, min: usize, max: usize) -> Result<(), StoreError> {
    if (min..=max).contains(&text.len()) {
        return Ok(());
    }
    Err(StoreError::Invalid(format!(
        "{what} is {min} to {max} bytes, not {}",
        text.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_checked() {
        let user = |handle: &str| NewUser {
            handle: handle.to_owned(),
            password_hash: "$argon2id$".to_owned(),
            created_at: Timestamp(0),
        };
        for good in ["a", "user1", "a_b", &"x".repeat(32)] {
            assert!(user(good).check().is_ok(), "{good}");
        }
        for bad in ["", "A", "a b", "ü", "a-b", "a\0", &"x".repeat(33)] {
            assert!(
                matches!(user(bad).check(), Err(StoreError::Invalid(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn content_is_at_most_1024_bytes_not_characters() {
        let post = |content: String| NewPost {
            author: UserId(1),
            content,
            html: String::new(),
            created_at: Timestamp(0),
        };
        assert!(post("x".repeat(1_024)).check().is_ok());
        assert!(post("x".repeat(1_025)).check().is_err());
        assert!(post("ü".repeat(512)).check().is_ok());
        assert!(post("ü".repeat(513)).check().is_err());
        assert!(post(String::new()).check().is_err());
    }

    #[test]
    fn secrets_are_not_printed() {
        let credentials = Credentials {
            user: UserId(1),
            password_hash: "secret".to_owned(),
        };
        assert!(!format!("{credentials:?}").contains("secret"));
        assert!(!format!("{:?}", TokenDigest([7; 32])).contains('7'));
    }
}
