//! Resolver: opens the file store of a URL. Only this file depends on features.

use std::sync::Arc;

use super::{Files, FilesError, LocalFiles};

/// Opens the file store at a URL: `file:FOLDER` or `s3://BUCKET?endpoint=URL`. Calls of an object store are limited, except
/// for an experiment.
///
/// # Errors
/// [`FilesError::InvalidUrl`] if the URL is invalid or its backend was not compiled in; otherwise the
/// error of the backend.
pub fn resolve(url: &str, is_limited: bool) -> Result<Arc<dyn Files>, FilesError> {
    match url.split_once(':') {
        Some(("file", folder)) if !folder.is_empty() => {
            Ok(Arc::new(LocalFiles::open(folder.as_ref())?))
        }
        Some(("s3", _)) => s3(url, is_limited),
        _ => Err(FilesError::InvalidUrl(
            "invalid URL of a file store; use `file:FOLDER` or `s3://BUCKET?endpoint=URL`"
                .to_owned(),
        )),
    }
}

#[cfg(feature = "s3")]
fn s3(url: &str, is_limited: bool) -> Result<Arc<dyn Files>, FilesError> {
    let bucket = Arc::new(super::s3::S3Files::open(url)?);
    Ok(Arc::new(super::guarded::GuardedFiles::new(
        bucket, is_limited,
    )))
}

#[cfg(not(feature = "s3"))]
fn s3(_: &str, _: bool) -> Result<Arc<dyn Files>, FilesError> {
    Err(FilesError::InvalidUrl(
        "tenfold was compiled without the `s3` feature".to_owned(),
    ))
}
