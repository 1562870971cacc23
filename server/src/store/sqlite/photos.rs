//! Records of photos, in a file without their posts.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::failure::failed;
use super::{SqliteStore, writes};
use crate::model::{Photo, PostId, Timestamp};
use crate::store::{PhotoNote, PhotoTable, Store as _, StoreError, require_later};

pub(super) const RECORD: &str = "\
    SELECT post_id, media_type, bytes, file_key, etag, created_at FROM photo_records WHERE post_id = ?1";
pub(super) const HAS_NOTE: &str = "SELECT 1 FROM photo_notes WHERE post_id = ?1";
pub(super) const DELETE_RECORD: &str = "DELETE FROM photo_records WHERE post_id = ?1";
pub(super) const DELETE_NOTE: &str = "DELETE FROM photo_notes WHERE post_id = ?1 AND token = ?2";
const NOTE: &str = "\
    INSERT OR IGNORE INTO photo_notes (post_id, noted_at, token) VALUES (?1, ?2, ?3)";
const NOTED: &str =
    "SELECT post_id, noted_at, token FROM photo_notes WHERE noted_at <= ?1 LIMIT ?2";

type Done<T> = Result<T, StoreError>;

fn record(connection: &Connection, post: PostId) -> Done<Option<Photo>> {
    let read = |row: &Row<'_>| {
        Ok(Photo {
            post: PostId(row.get(0)?),
            media_type: row.get(1)?,
            bytes: row.get::<_, i64>(2).map(i64::cast_unsigned)?,
            file_key: row.get(3)?,
            etag: row.get(4)?,
            created_at: Timestamp(row.get(5)?),
        })
    };
    connection
        .prepare_cached(RECORD)
        .and_then(|mut statement| statement.query_row([post.0], read).optional())
        .map_err(|error| failed(&error))
}

fn has_note(connection: &Connection, post: PostId) -> Done<bool> {
    connection
        .prepare_cached(HAS_NOTE)
        .and_then(|mut statement| statement.exists([post.0]))
        .map_err(|error| failed(&error))
}

fn note(connection: &Connection, note: PhotoNote) -> Done<()> {
    let values = (note.post.0, note.noted_at.0, note.token);
    writes::execute(connection, NOTE, values).map(drop)
}

fn put(connection: &Connection, photo: &Photo, own: PhotoNote) -> Done<Option<Photo>> {
    let before = record(connection, photo.post)?;
    require_later(before.as_ref(), photo)?;
    writes::execute(
        connection,
        "INSERT OR REPLACE INTO photo_records (post_id, media_type, bytes, file_key, etag, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (
            photo.post.0,
            &photo.media_type,
            photo.bytes.cast_signed(),
            &photo.file_key,
            &photo.etag,
            photo.created_at.0,
        ),
    )?;
    note(connection, own)?;
    Ok(before)
}

#[async_trait]
impl PhotoTable for SqliteStore {
    async fn record(&self, post: PostId) -> Done<(Option<Photo>, bool)> {
        // The note first: it is there as long as the record may be wrong.
        self.readers.point(|connection| {
            let is_noted = has_note(connection, post)?;
            Ok((record(connection, post)?, is_noted))
        })
    }

    async fn put_record(&self, photo: Photo, own: PhotoNote) -> Done<Option<Photo>> {
        self.writer
            .write(move |connection| put(connection, &photo, own))
            .await
    }

    async fn note_photo(&self, own: PhotoNote) -> Done<()> {
        self.writer
            .write(move |connection| note(connection, own))
            .await
    }

    async fn remove_record(&self, note: PhotoNote) -> Done<Option<Photo>> {
        self.writer
            .write(move |connection| {
                let found = record(connection, note.post)?;
                writes::execute(connection, DELETE_RECORD, [note.post.0])?;
                writes::execute(connection, DELETE_NOTE, (note.post.0, note.token))?;
                Ok(found)
            })
            .await
    }

    async fn forget_photo_note(&self, note: PhotoNote) -> Done<()> {
        self.writer
            .write(move |connection| {
                writes::execute(connection, DELETE_NOTE, (note.post.0, note.token)).map(drop)
            })
            .await
    }

    async fn noted_photos(&self, until: Timestamp, limit: u32) -> Done<Vec<PhotoNote>> {
        self.readers
            .list(move |connection| {
                let read = || {
                    let mut statement = connection.prepare_cached(NOTED)?;
                    let rows = statement.query_map((until.0, limit), |row| {
                        Ok(PhotoNote {
                            post: PostId(row.get(0)?),
                            noted_at: Timestamp(row.get(1)?),
                            token: row.get(2)?,
                        })
                    })?;
                    rows.collect::<rusqlite::Result<Vec<_>>>()
                };
                read().map_err(|error| failed(&error))
            })
            .await
    }

    async fn close_photos(&self) {
        self.close().await;
    }
}
