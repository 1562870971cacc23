//! Posts with author, photo and thread, as one read.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::model::{PostId, Timestamp, UserId};
use crate::store::StoreError;

/// A post with all that its page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostDocument {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: UserId,
    /// The author's handle.
    pub author_handle: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Markdown.
    pub content: String,
    /// Its photo.
    pub photo: Option<DocumentPhoto>,
    /// Replies, oldest first.
    pub thread: Vec<Reply>,
}

/// The photo of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentPhoto {
    /// Key of the file.
    pub file_key: String,
    /// Media type, such as `image/jpeg`.
    pub media_type: String,
}

/// A reply to a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Its author.
    pub author: UserId,
    /// The author's handle.
    pub author_handle: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Markdown.
    pub content: String,
}

/// Posts as documents.
#[async_trait]
pub trait PostDocuments: Send + Sync + fmt::Debug + 'static {
    /// Creates a document. `Conflict` if the post has one.
    async fn create(&self, document: &PostDocument) -> Result<(), StoreError>;

    /// Appends a reply to the thread. `NotFound` if the post is unknown. Concurrent replies all stay. After `Unavailable`, the reply may or may not
    /// be there.
    async fn reply(&self, post: PostId, reply: &Reply) -> Result<(), StoreError>;

    /// Returns a document. `NotFound` if the post is unknown.
    async fn document(&self, post: PostId) -> Result<PostDocument, StoreError>;

    /// Changes the handle of an author in all documents. May be repeated after an error.
    async fn rename(&self, author: UserId, handle: &str) -> Result<(), StoreError>;
}
