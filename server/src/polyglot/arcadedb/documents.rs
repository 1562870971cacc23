//! Posts as documents: one record holds author, photo and thread.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ArcadeDb, Language};
use crate::model::{PostId, UserId};
use crate::polyglot::post_documents::{PostDocument, PostDocuments, Reply};
use crate::store::StoreError;

/// Attempts to change documents that others change at the same time.
const ATTEMPTS_MAX: u32 = 100;

/// A document with its revision.
#[derive(Serialize, Deserialize)]
struct Record {
    post: PostId,
    /// Counts changes.
    revision: i64,
    document: PostDocument,
}

/// Result of a change.
#[derive(Deserialize)]
struct Changed {
    count: u64,
}

#[async_trait]
impl PostDocuments for ArcadeDb {
    async fn create(&self, document: &PostDocument) -> Result<(), StoreError> {
        let statement =
            "INSERT INTO PostDocument SET post = :post, revision = 1, document = :document";
        let parameters = json!({ "post": document.post, "document": document });
        self.command::<serde_json::Value>(Language::Sql, statement, parameters)
            .await?;
        Ok(())
    }

    async fn reply(&self, post: PostId, reply: &Reply) -> Result<(), StoreError> {
        self.change(post, |document| document.thread.push(reply.clone()))
            .await
    }

    async fn document(&self, post: PostId) -> Result<PostDocument, StoreError> {
        Ok(self.record(post).await?.document)
    }

    async fn rename(&self, author: UserId, handle: &str) -> Result<(), StoreError> {
        let statement = "SELECT post FROM PostDocument \
             WHERE document.author = :author OR document.thread CONTAINS (author = :author)";
        #[derive(Deserialize)]
        struct Found {
            post: PostId,
        }
        let parameters = json!({ "author": author });
        let found: Vec<Found> = self.query(Language::Sql, statement, parameters).await?;
        for Found { post } in found {
            self.change(post, |document| {
                if document.author == author {
                    handle.clone_into(&mut document.author_handle);
                }
                for reply in &mut document.thread {
                    if reply.author == author {
                        handle.clone_into(&mut reply.author_handle);
                    }
                }
            })
            .await?;
        }
        Ok(())
    }
}

impl ArcadeDb {
    async fn record(&self, post: PostId) -> Result<Record, StoreError> {
        let statement = "SELECT post, revision, document FROM PostDocument WHERE post = :post";
        let found = self
            .query(Language::Sql, statement, json!({ "post": post }))
            .await?;
        found.into_iter().next().ok_or(StoreError::NotFound)
    }

    /// Changes a document. Reads it again if another one changed it in between.
    async fn change(
        &self,
        post: PostId,
        apply: impl Fn(&mut PostDocument) + Send + Sync,
    ) -> Result<(), StoreError> {
        let statement = "UPDATE PostDocument SET document = :document, revision = :next \
             WHERE post = :post AND revision = :revision";
        for _ in 0..ATTEMPTS_MAX {
            let mut record = self.record(post).await?;
            apply(&mut record.document);
            let parameters = json!({
                "post": post,
                "document": record.document,
                "revision": record.revision,
                "next": record.revision + 1,
            });
            let changed: Vec<Changed> = self.command(Language::Sql, statement, parameters).await?;
            if changed.iter().any(|own| own.count > 0) {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable(format!(
            "arcadedb: others changed post {post} {ATTEMPTS_MAX} times in the meantime"
        )))
    }
}
