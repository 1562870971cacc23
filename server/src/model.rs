//! Data model: users, posts, follows, sessions and photos.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Maximum length of a post's content, in bytes.
pub const CONTENT_BYTES_MAX: usize = 1_024;
/// Maximum length of a post's rendered HTML, in bytes: the capacity of a MySQL `TEXT` column.
pub const HTML_BYTES_MAX: usize = 65_535;
/// Maximum length of a handle, in bytes.
pub const HANDLE_BYTES_MAX: usize = 32;
/// Maximum length of a password hash, media type, entity tag or file key, in bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// Maximum number of posts in a page.
pub const PAGE_POSTS_MAX: u32 = 100;

/// Input that no store accepts, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidInput(pub String);

/// Identifier of a user, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

/// Identifier of a post, from 1. Later posts have higher numbers.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
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

/// Point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns the current time.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }
}

impl From<SystemTime> for Timestamp {
    /// Rounds down to the millisecond. Times before 1970 become 0.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Public profile of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// Unique name.
    pub handle: String,
    /// Time of sign-up.
    pub created_at: Timestamp,
    /// Number of users who follow this one.
    pub followers: u64,
    /// Number of users this one follows.
    pub following: u64,
    /// Number of posts.
    pub posts: u64,
}

/// User to sign up.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique name: 1 to 32 characters of `a-z`, `0-9` and `_`.
    pub handle: String,
    /// Password hash as a PHC string.
    pub password_hash: String,
    /// Time of sign-up.
    pub created_at: Timestamp,
}

/// User and password hash for a log-in.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: UserId,
    /// Password hash as a PHC string.
    pub password_hash: String,
}

impl fmt::Debug for Credentials {
    /// Omits the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// SHA-256 of a session token. The token itself is never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest(pub [u8; 32]);

impl fmt::Debug for TokenDigest {
    /// Omits the digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// Session to create.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Digest of the session's token.
    pub token: TokenDigest,
    /// The user who logged in.
    pub user: UserId,
    /// Start of the session.
    pub created_at: Timestamp,
    /// Expiry of the session.
    pub expires_at: Timestamp,
}

/// Session that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// The logged-in user.
    pub user: UserId,
    /// Expiry of the session.
    pub expires_at: Timestamp,
}

/// Post with its author's handle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Identifier.
    pub id: PostId,
    /// The author.
    pub author: UserId,
    /// The author's handle.
    pub author_handle: String,
    /// Markdown, at most 1,024 bytes.
    pub content: String,
    /// The content as sanitised HTML.
    pub html: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last edit; equals `created_at` until the first.
    pub updated_at: Timestamp,
    /// True if the post has a photo.
    pub has_photo: bool,
}

/// What a reader gets of a post's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentFormat {
    /// Markdown and HTML.
    #[default]
    All,
    /// Markdown only.
    Markdown,
    /// HTML only.
    Html,
}

impl ContentFormat {
    /// Number of formats.
    pub const COUNT: usize = 3;

    /// Returns true if readers get the Markdown.
    #[must_use]
    pub fn has_markdown(self) -> bool {
        self != Self::Html
    }

    /// Returns true if readers get the HTML.
    #[must_use]
    pub fn has_html(self) -> bool {
        self != Self::Markdown
    }
}

/// Post to create.
#[derive(Clone, Debug)]
pub struct NewPost {
    /// The author.
    pub author: UserId,
    /// Markdown, at most 1,024 bytes.
    pub content: String,
    /// The content as sanitised HTML.
    pub html: String,
    /// Time of creation.
    pub created_at: Timestamp,
}

/// Edit of a post.
#[derive(Clone, Debug)]
pub struct PostEdit {
    /// New Markdown, at most 1,024 bytes.
    pub content: String,
    /// The content as sanitised HTML.
    pub html: String,
    /// Time of the edit.
    pub updated_at: Timestamp,
}

/// Record of a post's photo. The bytes are in the file store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// The post.
    pub post: PostId,
    /// Media type, such as `image/jpeg`.
    pub media_type: String,
    /// Size of the file, in bytes.
    pub bytes: u64,
    /// Key of the file.
    pub file_key: String,
    /// Entity tag of the file.
    pub etag: String,
    /// Time of the upload.
    pub created_at: Timestamp,
}

/// Page of a list of posts, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    before: Option<PostId>,
    limit: u32,
}

impl Page {
    /// Creates a page of at most `limit` posts, clamped to 1 to [`PAGE_POSTS_MAX`], older than
    /// `before`, or of the newest posts if `before` is `None`.
    #[must_use]
    pub fn new(before: Option<PostId>, limit: u32) -> Self {
        Self {
            before,
            limit: limit.clamp(1, PAGE_POSTS_MAX),
        }
    }

    /// Returns the post that the page's posts are older than.
    #[must_use]
    pub fn before(self) -> Option<PostId> {
        self.before
    }

    /// Returns the maximum number of posts in the page.
    #[must_use]
    pub fn limit(self) -> u32 {
        self.limit
    }
}

impl NewUser {
    /// Validates the handle and the hash.
    ///
    /// # Errors
    /// [`InvalidInput`] if either is empty or too long, or the handle has other characters.
    pub fn check(&self) -> Result<(), InvalidInput> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if self.handle.is_empty()
            || self.handle.len() > HANDLE_BYTES_MAX
            || !self.handle.bytes().all(allowed)
        {
            return Err(InvalidInput(format!(
                "a handle must be 1 to {HANDLE_BYTES_MAX} characters of a-z, 0-9 and _"
            )));
        }
        check_len("a password hash", &self.password_hash, 1, NAME_BYTES_MAX)
    }
}

impl NewPost {
    /// Validates the lengths of content and HTML.
    ///
    /// # Errors
    /// [`InvalidInput`] if the content is empty or either is too long.
    pub fn check(&self) -> Result<(), InvalidInput> {
        check_content(&self.content, &self.html)
    }
}

impl PostEdit {
    /// Validates the lengths of content and HTML.
    ///
    /// # Errors
    /// [`InvalidInput`] if the content is empty or either is too long.
    pub fn check(&self) -> Result<(), InvalidInput> {
        check_content(&self.content, &self.html)
    }
}

impl Photo {
    /// Returns true if this photo was uploaded after another one of its post. Of two at the same millisecond,
    /// the one with the higher file key counts as later, so that every process agrees.
    #[must_use]
    pub fn is_later_than(&self, other: &Self) -> bool {
        (self.created_at, &self.file_key) > (other.created_at, &other.file_key)
    }

    /// Validates the lengths of the strings and the size.
    ///
    /// # Errors
    /// [`InvalidInput`] if a string is empty or too long, or the size exceeds `i64`.
    pub fn check(&self) -> Result<(), InvalidInput> {
        check_len("a media type", &self.media_type, 1, NAME_BYTES_MAX)?;
        check_len("a file key", &self.file_key, 1, NAME_BYTES_MAX)?;
        check_len("an entity tag", &self.etag, 1, NAME_BYTES_MAX)?;
        if i64::try_from(self.bytes).is_err() {
            return Err(InvalidInput(format!(
                "a photo of {} bytes is too large",
                self.bytes
            )));
        }
        Ok(())
    }
}

fn check_content(content: &str, html: &str) -> Result<(), InvalidInput> {
    check_len("the content of a post", content, 1, CONTENT_BYTES_MAX)?;
    check_len("the HTML of a post", html, 0, HTML_BYTES_MAX)
}

fn check_len(name: &str, text: &str, min: usize, max: usize) -> Result<(), InvalidInput> {
    if (min..=max).contains(&text.len()) {
        return Ok(());
    }
    Err(InvalidInput(format!(
        "{name} must be {min} to {max} bytes long, not {}",
        text.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validates_handles() {
        let user = |handle: &str| NewUser {
            handle: handle.to_owned(),
            password_hash: "$argon2id$".to_owned(),
            created_at: Timestamp(0),
        };
        for good in ["a", "user1", "a_b", &"x".repeat(32)] {
            assert!(user(good).check().is_ok(), "{good}");
        }
        for bad in ["", "A", "a b", "ü", "a-b", "a\0", &"x".repeat(33)] {
            assert!(matches!(user(bad).check(), Err(InvalidInput(_))), "{bad}");
        }
    }

    #[test]
    fn limits_content_in_bytes() {
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
    fn debug_omits_secrets() {
        let credentials = Credentials {
            user: UserId(1),
            password_hash: "secret".to_owned(),
        };
        assert!(!format!("{credentials:?}").contains("secret"));
        assert!(!format!("{:?}", TokenDigest([7; 32])).contains('7'));
    }
}
