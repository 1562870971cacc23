//! Records of photos, in a database without their posts.

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Transaction};

use super::{Backoff, Failure, MysqlStore, READ_TIMEOUT, begin, within};
use crate::ledger::{self, Part};
use crate::model::{Photo, PostId, Timestamp};
use crate::store::{PhotoNote, PhotoTable, Store as _, StoreError, require_later};

/// One statement, so that record and note are of one state of the database.
pub(super) const RECORD: &str = "\
    SELECT r.post_id, r.media_type, r.bytes, r.file_key, r.etag, r.created_at, \
    (SELECT n.post_id FROM photo_notes n WHERE n.post_id = ? LIMIT 1) \
    FROM (SELECT 1) one LEFT JOIN photo_records r ON r.post_id = ?";
pub(super) const LOCK_RECORD: &str = "\
    SELECT post_id, media_type, bytes, file_key, etag, created_at FROM photo_records WHERE post_id = ? FOR UPDATE";
pub(super) const DELETE_RECORD: &str = "DELETE FROM photo_records WHERE post_id = ?";
pub(super) const DELETE_NOTE: &str = "DELETE FROM photo_notes WHERE post_id = ? AND token = ?";
const NOTE: &str = "INSERT IGNORE INTO photo_notes (post_id, noted_at, token) VALUES (?, ?, ?)";
const NOTED: &str = "SELECT post_id, noted_at, token FROM photo_notes WHERE noted_at <= ? LIMIT ?";

type Attempt<T> = Result<T, Failure>;
type Row = (i64, String, u64, String, String, i64);

fn photo((post, media_type, bytes, file_key, etag, created_at): Row) -> Photo {
    Photo {
        post: PostId(post),
        media_type,
        bytes,
        file_key,
        etag,
        created_at: Timestamp(created_at),
    }
}

async fn record(connection: &mut Conn, post: PostId) -> Attempt<(Option<Photo>, bool)> {
    type Found = (
        Option<i64>,
        Option<String>,
        Option<u64>,
        Option<String>,
        Option<String>,
        Option<i64>,
        Option<i64>,
    );
    let found: Option<Found> = connection.exec_first(RECORD, (post.0, post.0)).await?;
    let Some((id, media_type, bytes, file_key, etag, created_at, note)) = found else {
        return Ok((None, false));
    };
    let record = || {
        Some(photo((
            id?,
            media_type?,
            bytes?,
            file_key?,
            etag?,
            created_at?,
        )))
    };
    Ok((record(), note.is_some()))
}

async fn locked(tx: &mut Transaction<'_>, post: PostId) -> Attempt<Option<Photo>> {
    let row: Option<Row> = tx.exec_first(LOCK_RECORD, (post.0,)).await?;
    Ok(row.map(photo))
}

async fn put(tx: &mut Transaction<'_>, photo: &Photo, note: PhotoNote) -> Attempt<Option<Photo>> {
    let before = locked(tx, photo.post).await?;
    require_later(before.as_ref(), photo)?;
    tx.exec_drop(
        "REPLACE INTO photo_records (post_id, media_type, bytes, file_key, etag, created_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
        (
            photo.post.0,
            &photo.media_type,
            photo.bytes,
            &photo.file_key,
            &photo.etag,
            photo.created_at.0,
        ),
    )
    .await?;
    tx.exec_drop(NOTE, (note.post.0, note.noted_at.0, note.token))
        .await?;
    Ok(before)
}

async fn remove(tx: &mut Transaction<'_>, note: PhotoNote) -> Attempt<Option<Photo>> {
    let found = locked(tx, note.post).await?;
    tx.exec_drop(DELETE_RECORD, (note.post.0,)).await?;
    tx.exec_drop(DELETE_NOTE, (note.post.0, note.token)).await?;
    Ok(found)
}

async fn noted(connection: &mut Conn, until: Timestamp, limit: u32) -> Attempt<Vec<PhotoNote>> {
    let rows: Vec<(i64, i64, i64)> = connection.exec(NOTED, (until.0, limit)).await?;
    let notes = rows.into_iter().map(|(post, noted_at, token)| PhotoNote {
        post: PostId(post),
        noted_at: Timestamp(noted_at),
        token,
    });
    Ok(notes.collect())
}

#[async_trait]
impl PhotoTable for MysqlStore {
    async fn record(&self, post: PostId) -> Result<(Option<Photo>, bool), StoreError> {
        read!(self, connection => record(connection, post).await)
    }

    async fn put_record(&self, photo: Photo, note: PhotoNote) -> Result<Option<Photo>, StoreError> {
        write!(self, tx => put(&mut tx, &photo, note).await)
    }

    async fn note_photo(&self, note: PhotoNote) -> Result<(), StoreError> {
        let values = (note.post.0, note.noted_at.0, note.token);
        read!(self, connection => Ok(connection.exec_drop(NOTE, values).await?))
    }

    async fn remove_record(&self, note: PhotoNote) -> Result<Option<Photo>, StoreError> {
        write!(self, tx => remove(&mut tx, note).await)
    }

    async fn forget_photo_note(&self, note: PhotoNote) -> Result<(), StoreError> {
        let values = (note.post.0, note.token);
        read!(self, connection => Ok(connection.exec_drop(DELETE_NOTE, values).await?))
    }

    async fn noted_photos(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<PhotoNote>, StoreError> {
        read!(self, connection => noted(connection, until, limit).await)
    }

    async fn close_photos(&self) {
        self.close().await;
    }
}
