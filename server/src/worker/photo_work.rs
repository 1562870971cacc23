//! Work on an uploaded photo: make its thumbnail, and update file store and database.

use std::sync::Arc;

use async_trait::async_trait;

use super::failure_note::FailureNote;
use super::photo_job::PhotoTask;
use super::work::{TryAgain, Unworked, Work, Worked};
use crate::files::{Files, FilesError};
use crate::ledger;
use crate::photo::thumbnail;
use crate::photo_keys::PhotoKeys;
use crate::queue::{Delivery, JobId};
use crate::store::{Store, StoreError};

/// Work on uploaded photos.
#[derive(Debug)]
pub(crate) struct PhotoWork {
    store: Arc<dyn Store>,
    files: Arc<dyn Files>,
}

impl PhotoWork {
    /// Uses a store, and files.
    pub(crate) fn new(store: Arc<dyn Store>, files: Arc<dyn Files>) -> Self {
        Self { store, files }
    }
}

#[async_trait]
impl Work for PhotoWork {
    async fn work(&self, job: &Delivery) -> Result<Worked, Unworked> {
        let task = PhotoTask::parse(&job.id, &job.payload).map_err(Unworked::Foreign)?;
        Ok(work(&*self.store, &self.files, &job.id, &task).await?)
    }
}

/// Applies the effect of a job. May be called any number of times, and by several workers at once: files have
/// names of their own, and the store keeps the photo that was uploaded last.
async fn work(
    store: &dyn Store,
    files: &Arc<dyn Files>,
    id: &JobId,
    task: &PhotoTask,
) -> Result<Worked, TryAgain> {
    let PhotoTask { photo, keys, .. } = task;
    match store.photo(photo.post).await {
        Ok(present) if present.file_key == photo.file_key => return Ok(Worked::Unneeded),
        Ok(present) if present.is_later_than(photo) => return unneeded(files, keys).await,
        Ok(_) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let content = match files.get(&keys.full).await {
        Ok(content) => content,
        // It was replaced, or deleted with its post.
        Err(FilesError::NotFound) => return Ok(Worked::Unneeded),
        Err(error) => return Err(error.into()),
    };
    let format = task.format;
    let made = ledger::blocking(move || thumbnail(&content, format)).await;
    let made = match made.map_err(|error| TryAgain::because(&error))? {
        Ok(made) => made,
        Err(error) => {
            FailureNote::write(&**files, photo.post, id, error.to_string()).await?;
            keys.delete(&**files).await;
            return Ok(Worked::Unprocessable);
        }
    };
    files.put(&keys.thumbnail, made).await?;
    match store.put_photo(task.author, photo.clone()).await {
        Ok(previous) => {
            // Another worker may have set the same one.
            let replaced = previous.filter(|previous| previous.file_key != photo.file_key);
            if let Some(Ok(replaced)) = replaced.as_ref().map(PhotoKeys::of) {
                replaced.delete(&**files).await;
            }
            Ok(Worked::Applied)
        }
        Err(StoreError::Conflict(_) | StoreError::NotFound | StoreError::Forbidden) => {
            unneeded(files, keys).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn unneeded(files: &Arc<dyn Files>, keys: &PhotoKeys) -> Result<Worked, TryAgain> {
    keys.delete(&**files).await;
    Ok(Worked::Unneeded)
}
