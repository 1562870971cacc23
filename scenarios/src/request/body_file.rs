//! Files that are sent in bodies.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::body::FILES_BYTES_MAX;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::format::regular_file;

/// A file that is sent in the body of a request. Read once, when the scenario is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyFile {
    /// The file, as written in the scenario.
    pub file: PathBuf,
    bytes: Arc<[u8]>,
}

impl BodyFile {
    /// Reads the file that a value names, relative to `folder`.
    pub(crate) fn read(value: &Value<'_>, folder: &Path) -> Result<Self, ScenarioError> {
        let file = PathBuf::from(value.text()?);
        let path = folder.join(&file);
        let unreadable = |error: std::io::Error| {
            value.error(format!(
                "could not read the file {}: {error}",
                path.display()
            ))
        };
        let (opened, length) = regular_file::open(&path).map_err(unreadable)?;
        let too_large = || {
            value
                .error(format!(
                    "{} has more than {} MiB, the most that the files of a request may have",
                    path.display(),
                    FILES_BYTES_MAX / 1024 / 1024
                ))
                .hint("send a smaller file: each virtual user holds the request that it sends")
        };
        if length > FILES_BYTES_MAX {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        // Bounded, in case the file grows while it is read.
        opened
            .take(FILES_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > FILES_BYTES_MAX {
            return Err(too_large());
        }
        Ok(Self {
            file,
            bytes: bytes.into(),
        })
    }

    /// Returns the contents.
    pub fn bytes(&self) -> Arc<[u8]> {
        Arc::clone(&self.bytes)
    }

    /// Returns the media type that the name's extension suggests.
    pub(crate) fn media_type(&self) -> &'static str {
        let extension = self
            .file
            .extension()
            .and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "avif" => "image/avif",
            "csv" => "text/csv",
            "gif" => "image/gif",
            "htm" | "html" => "text/html",
            "jpeg" | "jpg" => "image/jpeg",
            "json" => "application/json",
            "mp3" => "audio/mpeg",
            "mp4" => "video/mp4",
            "pdf" => "application/pdf",
            "png" => "image/png",
            "svg" => "image/svg+xml",
            "txt" => "text/plain",
            "webp" => "image/webp",
            "xml" => "application/xml",
            "zip" => "application/zip",
            _ => "application/octet-stream",
        }
    }
}
