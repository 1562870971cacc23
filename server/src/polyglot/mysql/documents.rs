//! Posts in normal form: the document is joined when it is read.

use mysql_async::Transaction;

use super::*;
use crate::polyglot::post_documents::{DocumentPhoto, PostDocument, PostDocuments, Reply};

/// Sets the handle of an author.
const NAME: &str = "INSERT INTO doc_authors (id, handle) VALUES (?, ?) ON DUPLICATE KEY UPDATE handle = VALUES(handle)";
/// Appends a reply.
const REPLY: &str =
    "INSERT INTO doc_replies (post_id, author_id, created_at, content) VALUES (?, ?, ?, ?)";

#[async_trait]
impl PostDocuments for MysqlPolyglot {
    async fn create(&self, document: &PostDocument) -> Result<(), StoreError> {
        self.bounded(async {
            let mut connection = self.lease().await?;
            loop {
                let mut transaction = connection.start_transaction(TxOpts::default()).await?;
                let written = create(&mut transaction, document).await;
                let written = match written {
                    Ok(()) => transaction.commit().await.map_err(Failure::of_commit),
                    Err(failure) => Err(failure),
                };
                match written {
                    Err(failure) if failure.is_rolled_back() => {}
                    written => return written,
                }
            }
        })
        .await
    }

    async fn reply(&self, post: PostId, reply: &Reply) -> Result<(), StoreError> {
        let row = (
            post.0,
            reply.author.0,
            reply.created_at.0,
            reply.content.as_str(),
        );
        self.bounded(async {
            self.execute(
                NAME,
                (reply.author.0, reply.author_handle.as_bytes()).into(),
            )
            .await?;
            self.execute(REPLY, row.into()).await?;
            Ok(())
        })
        .await
    }

    async fn document(&self, post: PostId) -> Result<PostDocument, StoreError> {
        let head = "SELECT p.author_id, a.handle, p.created_at, p.content, f.file_key, f.media_type FROM doc_posts p \
             JOIN doc_authors a ON a.id = p.author_id LEFT JOIN doc_photos f ON f.post_id = p.id WHERE p.id = ?";
        let thread = "SELECT r.author_id, a.handle, r.created_at, r.content FROM doc_replies r \
             JOIN doc_authors a ON a.id = r.author_id WHERE r.post_id = ? ORDER BY r.id";
        type Head = (i64, String, i64, String, Option<String>, Option<String>);
        let (head, thread): (Option<Head>, Vec<(i64, String, i64, String)>) = self
            .bounded(async {
                let mut connection = self.lease().await?;
                let head = connection.exec_first(head, (post.0,)).await?;
                Ok((head, connection.exec(thread, (post.0,)).await?))
            })
            .await?;
        let (author, author_handle, created_at, content, file_key, media_type) =
            head.ok_or(StoreError::NotFound)?;
        let photo = file_key.zip(media_type);
        let thread = thread
            .into_iter()
            .map(|(author, author_handle, created_at, content)| Reply {
                author: UserId(author),
                author_handle,
                created_at: Timestamp(created_at),
                content,
            });
        Ok(PostDocument {
            post,
            author: UserId(author),
            author_handle,
            created_at: Timestamp(created_at),
            content,
            photo: photo.map(|(file_key, media_type)| DocumentPhoto {
                file_key,
                media_type,
            }),
            thread: thread.collect(),
        })
    }

    async fn rename(&self, author: UserId, handle: &str) -> Result<(), StoreError> {
        let statement = "UPDATE doc_authors SET handle = ? WHERE id = ?";
        self.bounded(self.execute(statement, (handle.as_bytes(), author.0).into()))
            .await?;
        Ok(())
    }
}

async fn create(transaction: &mut Transaction<'_>, document: &PostDocument) -> Result<(), Failure> {
    let post = (
        document.post.0,
        document.author.0,
        document.created_at.0,
        document.content.as_str(),
    );
    let insert = "INSERT INTO doc_posts (id, author_id, created_at, content) VALUES (?, ?, ?, ?)";
    transaction.exec_drop(insert, post).await?;
    let authors = document.thread.iter();
    let authors = authors.map(|own| (own.author.0, own.author_handle.as_bytes()));
    let own = (document.author.0, document.author_handle.as_bytes());
    // In one order, so that two transactions do not wait for each other.
    let mut names: Vec<_> = authors.chain([own]).collect();
    names.sort();
    names.dedup();
    transaction.exec_batch(NAME, names).await?;
    if let Some(photo) = &document.photo {
        let insert = "INSERT INTO doc_photos (post_id, file_key, media_type) VALUES (?, ?, ?)";
        let row = (document.post.0, &photo.file_key, &photo.media_type);
        transaction.exec_drop(insert, row).await?;
    }
    let replies = document.thread.iter().map(|own| {
        let (author, created_at) = (own.author.0, own.created_at.0);
        (document.post.0, author, created_at, own.content.as_str())
    });
    Ok(transaction.exec_batch(REPLY, replies).await?)
}
