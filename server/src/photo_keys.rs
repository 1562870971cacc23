//! Keys of a photo's files.

use crate::files::{FileKey, Files, FilesError};
use crate::model::{Photo, PostId};
use crate::queue::JobId;

/// Keys of one upload: the photo, and its thumbnail. They are never reused, so that no reader gets parts of
/// two photos.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhotoKeys {
    /// Key of the photo.
    pub(crate) full: FileKey,
    /// Key of the thumbnail.
    pub(crate) thumbnail: FileKey,
}

impl PhotoKeys {
    /// Returns the keys of an upload with this random number.
    ///
    /// # Errors
    /// `InvalidKey` never happens for the identifiers of posts.
    pub(crate) fn new(post: PostId, number: u64) -> Result<Self, FilesError> {
        let folder = folder(post);
        let full = FileKey::new(format!("{folder}/{post}-{number:016x}"))?;
        Ok(Self {
            thumbnail: thumbnail(&full)?,
            full,
        })
    }

    /// Returns the keys of an upload from its job's identifier, with the post. `None` if the job is
    /// not one of an upload.
    pub(crate) fn of_job(id: &JobId) -> Option<(PostId, Self)> {
        let (post, number) = id.as_str().split_once('-')?;
        let digits = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if number.len() != 16 || !number.bytes().all(digits) {
            return None;
        }
        let post = PostId(post.parse().ok()?);
        let keys = Self::new(post, u64::from_str_radix(number, 16).ok()?).ok()?;
        // Rejects other spellings, such as leading zeros.
        (keys.job()?.as_str() == id.as_str()).then_some((post, keys))
    }

    /// Returns the identifier of the upload's job.
    pub(crate) fn job(&self) -> Option<JobId> {
        let (_, name) = self.full.as_str().rsplit_once('/')?;
        JobId::new(name)
    }

    /// Returns the keys of a stored photo.
    pub(crate) fn of(photo: &Photo) -> Result<Self, FilesError> {
        let full = FileKey::new(photo.file_key.clone())?;
        Ok(Self {
            thumbnail: thumbnail(&full)?,
            full,
        })
    }

    /// Deletes the files. Failures are logged: an unused file may stay behind.
    pub(crate) async fn delete(&self, files: &dyn Files) {
        for key in [&self.thumbnail, &self.full] {
            delete(files, key).await;
        }
    }
}

/// Returns the key of the note on the last upload of a post that was no photo.
pub(crate) fn failure_key(post: PostId) -> Result<FileKey, FilesError> {
    FileKey::new(format!("{}/{post}-failure", folder(post)))
}

/// Deletes a file. A failure is logged.
pub(crate) async fn delete(files: &dyn Files, key: &FileKey) {
    if let Err(error) = files.delete(key).await {
        tracing::warn!(%error, "could not delete an unused file");
    }
}

fn folder(post: PostId) -> String {
    format!("photos/{:03}", post.0 % 1_000)
}

fn thumbnail(full: &FileKey) -> Result<FileKey, FilesError> {
    FileKey::new(format!("{}-thumbnail", full.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_and_job_name_each_other() {
        let keys = PhotoKeys::new(PostId(12_034), 0xab).unwrap();
        assert_eq!(keys.full.as_str(), "photos/034/12034-00000000000000ab");
        assert_eq!(
            keys.thumbnail.as_str(),
            "photos/034/12034-00000000000000ab-thumbnail"
        );
        let job = keys.job().unwrap();
        assert_eq!(PhotoKeys::of_job(&job), Some((PostId(12_034), keys)));
    }

    #[test]
    fn rejects_identifiers_of_other_jobs() {
        for other in [
            "number-7",
            "7",
            "7-00ab",
            "07-00000000000000ab",
            "7-00000000000000AB",
            "7-00000000000000ag",
            "-7-00000000000000ab",
        ] {
            assert_eq!(
                PhotoKeys::of_job(&JobId::new(other).unwrap()),
                None,
                "{other}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[0-9a-fA-F_-]{1,40}") {
            if let Some(id) = JobId::new(text) {
                let _ = PhotoKeys::of_job(&id);
            }
        }
    }
}
