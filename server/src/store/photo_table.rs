//! Records of photos in a database of their own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{StoreError, require_later};
use crate::model::{Photo, PostId, Timestamp};

/// Database with the records of photos, and without their posts.
///
/// A note says that record and post may contradict each other: it is there before the first of them changes, and until
/// both have. Each call has a note of its own, so that the end of one does not hide that another is half done.
#[async_trait]
pub trait PhotoTable: Send + Sync + fmt::Debug + 'static {
    /// Returns the record of a post's photo, and whether there is a note.
    async fn record(&self, post: PostId) -> Result<(Option<Photo>, bool), StoreError>;

    /// Stores a record with a note, and returns the previous record. The photo that was uploaded last stays: `Conflict`
    /// if the present one is later.
    async fn put_record(&self, photo: Photo, note: PhotoNote) -> Result<Option<Photo>, StoreError>;

    /// Adds a note.
    async fn note_photo(&self, note: PhotoNote) -> Result<(), StoreError>;

    /// Removes the record of a noted post and the note, and returns the record.
    async fn remove_record(&self, note: PhotoNote) -> Result<Option<Photo>, StoreError>;

    /// Removes a note.
    async fn forget_photo_note(&self, note: PhotoNote) -> Result<(), StoreError>;

    /// Returns notes made up to a time, at most `limit`.
    async fn noted_photos(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<PhotoNote>, StoreError>;

    /// Finishes writes and closes the database.
    async fn close_photos(&self);
}

/// Note of a post whose record may contradict it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhotoNote {
    /// The post.
    pub post: PostId,
    /// Time of the note.
    pub noted_at: Timestamp,
    /// Random number that no other note has.
    pub token: i64,
}

/// Records of photos in memory.
#[derive(Debug, Default)]
pub struct MemoryPhotos {
    tables: Mutex<Tables>,
    /// Each call lets others go first, so that a test can choose the order.
    #[cfg(test)]
    pub(crate) takes_turns: std::sync::atomic::AtomicBool,
}

#[derive(Debug, Default)]
struct Tables {
    records: BTreeMap<PostId, Photo>,
    notes: BTreeMap<(PostId, i64), PhotoNote>,
}

impl MemoryPhotos {
    fn tables(&self) -> std::sync::MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets others go first, in some tests.
    #[cfg(test)]
    async fn turn(&self) {
        use std::sync::atomic::Ordering;
        if self.takes_turns.load(Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    }

    #[cfg(not(test))]
    async fn turn(&self) {}
}

#[async_trait]
impl PhotoTable for MemoryPhotos {
    async fn record(&self, post: PostId) -> Result<(Option<Photo>, bool), StoreError> {
        self.turn().await;
        let tables = self.tables();
        let record = tables.records.get(&post).cloned();
        let mut notes = tables.notes.range((post, i64::MIN)..=(post, i64::MAX));
        Ok((record, notes.next().is_some()))
    }

    async fn put_record(&self, photo: Photo, note: PhotoNote) -> Result<Option<Photo>, StoreError> {
        self.turn().await;
        let mut tables = self.tables();
        require_later(tables.records.get(&photo.post), &photo)?;
        tables.notes.insert((note.post, note.token), note);
        Ok(tables.records.insert(photo.post, photo))
    }

    async fn note_photo(&self, note: PhotoNote) -> Result<(), StoreError> {
        self.turn().await;
        self.tables().notes.insert((note.post, note.token), note);
        Ok(())
    }

    async fn remove_record(&self, note: PhotoNote) -> Result<Option<Photo>, StoreError> {
        self.turn().await;
        let mut tables = self.tables();
        tables.notes.remove(&(note.post, note.token));
        Ok(tables.records.remove(&note.post))
    }

    async fn forget_photo_note(&self, note: PhotoNote) -> Result<(), StoreError> {
        self.turn().await;
        self.tables().notes.remove(&(note.post, note.token));
        Ok(())
    }

    async fn noted_photos(
        &self,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<PhotoNote>, StoreError> {
        self.turn().await;
        let tables = self.tables();
        let due = tables.notes.values().filter(|note| note.noted_at <= until);
        Ok(due.take(limit as usize).copied().collect())
    }

    async fn close_photos(&self) {}
}
