//! Note on an upload that was no photo.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::files::{Files, FilesError};
use crate::model::PostId;
use crate::photo_keys::failure_key;
use crate::queue::JobId;

/// Note on the last upload of a post that could not be processed, so that its client learns why.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FailureNote {
    job: String,
    reason: String,
}

impl FailureNote {
    /// Stores a note, replacing that of an earlier upload of the post.
    pub(super) async fn write(
        files: &dyn Files,
        post: PostId,
        job: &JobId,
        reason: String,
    ) -> Result<(), FilesError> {
        let note = Self {
            job: job.as_str().to_owned(),
            reason,
        };
        let content = serde_json::to_vec(&note).unwrap_or_default();
        files.put(&failure_key(post)?, Bytes::from(content)).await
    }

    /// Returns why a job failed. `None` if there is no note on it.
    pub(crate) async fn reason(
        files: &dyn Files,
        post: PostId,
        job: &JobId,
    ) -> Result<Option<String>, FilesError> {
        let content = match files.get(&failure_key(post)?).await {
            Ok(content) => content,
            Err(FilesError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let note: Option<Self> = serde_json::from_slice(&content).ok();
        let own = note.filter(|note| note.job == job.as_str());
        Ok(own.map(|note| note.reason))
    }
}
