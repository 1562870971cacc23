//! Job of an uploaded photo.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{Photo, PostId, Timestamp, UserId};
use crate::photo::PhotoFormat;
use crate::photo_keys::PhotoKeys;
use crate::queue::JobId;

/// Version of the format. Workers of another version leave the job for those that know it.
const VERSION: u32 = 1;

/// Uploaded photo whose thumbnail is to be made. The file is stored already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhotoJob {
    version: u32,
    post: PostId,
    author: UserId,
    media_type: String,
    bytes: u64,
    etag: String,
    uploaded_at: Timestamp,
}

/// Job with everything that a worker needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhotoTask {
    pub(crate) author: UserId,
    pub(crate) format: PhotoFormat,
    pub(crate) photo: Photo,
    pub(crate) keys: PhotoKeys,
}

impl PhotoJob {
    /// Describes an uploaded photo.
    pub(crate) fn new(author: UserId, photo: &Photo) -> Self {
        Self {
            version: VERSION,
            post: photo.post,
            author,
            media_type: photo.media_type.clone(),
            bytes: photo.bytes,
            etag: photo.etag.clone(),
            uploaded_at: photo.created_at,
        }
    }

    /// Returns the content of the job. `None` never happens.
    pub(crate) fn to_bytes(&self) -> Option<Bytes> {
        serde_json::to_vec(self).ok().map(Bytes::from)
    }
}

impl PhotoTask {
    /// Parses a job.
    ///
    /// # Errors
    /// The reason why it is no job of an uploaded photo.
    pub(crate) fn parse(id: &JobId, payload: &[u8]) -> Result<Self, String> {
        let job: PhotoJob = serde_json::from_slice(payload)
            .map_err(|error| format!("the content is no job of a photo: {error}"))?;
        if job.version != VERSION {
            return Err(format!("the job has the unknown version {}", job.version));
        }
        let (_, keys) = PhotoKeys::of_job(id)
            .filter(|(post, _)| *post == job.post)
            .ok_or("the job has an identifier of another post")?;
        let format = PhotoFormat::from_media_type(&job.media_type)
            .ok_or("the job has an unknown media type")?;
        let photo = Photo {
            post: job.post,
            media_type: job.media_type,
            bytes: job.bytes,
            file_key: keys.full.as_str().to_owned(),
            etag: job.etag,
            created_at: job.uploaded_at,
        };
        photo.check().map_err(|error| error.to_string())?;
        Ok(Self {
            author: job.author,
            format,
            photo,
            keys,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn photo(keys: &PhotoKeys) -> Photo {
        Photo {
            post: PostId(7),
            media_type: "image/png".to_owned(),
            bytes: 5,
            file_key: keys.full.as_str().to_owned(),
            etag: "\"a\"".to_owned(),
            created_at: Timestamp(9),
        }
    }

    #[test]
    fn job_is_read_as_written() {
        let keys = PhotoKeys::new(PostId(7), 1).unwrap();
        let id = keys.job().unwrap();
        let payload = PhotoJob::new(UserId(3), &photo(&keys)).to_bytes().unwrap();
        let task = PhotoTask::parse(&id, &payload).unwrap();
        assert_eq!(task.author, UserId(3));
        assert_eq!(task.format, PhotoFormat::Png);
        assert_eq!(task.photo, photo(&keys));
        assert_eq!(task.keys, keys);
    }

    #[test]
    fn rejects_other_content() {
        let keys = PhotoKeys::new(PostId(7), 1).unwrap();
        let id = keys.job().unwrap();
        let other = PhotoKeys::new(PostId(8), 1).unwrap().job().unwrap();
        let payload = PhotoJob::new(UserId(3), &photo(&keys)).to_bytes().unwrap();
        let text = String::from_utf8(payload.to_vec()).unwrap();
        for (id, text) in [
            (&id, "".to_owned()),
            (&id, "{}".to_owned()),
            (&other, text.clone()),
            (&id, text.replace("\"version\":1", "\"version\":2")),
            (&id, text.replace("image/png", "image/gif")),
            (&id, text.replace("\\\"a\\\"", "")),
        ] {
            assert!(
                PhotoTask::parse(id, text.as_bytes()).is_err(),
                "{id} {text}"
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(id in "[0-9a-f-]{1,30}", payload in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(id) = JobId::new(id) {
                prop_assert!(PhotoTask::parse(&id, &payload).is_err());
            }
        }
    }
}
