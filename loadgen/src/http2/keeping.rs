//! What is kept of an answer as it comes.

use http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::response_reader::{Keep, Kept};

/// Keeps of an answer what is wanted of it.
pub(super) struct Keeping {
    keep: Keep,
    body: Vec<u8>,
    digest: Option<Sha256>,
}

impl Keeping {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            keep,
            body: Vec::new(),
            digest: keep.sha256.then(Sha256::new),
        }
    }

    /// Takes the next bytes of the body.
    pub(super) fn take(&mut self, data: &[u8]) {
        let room = self.keep.body_limit.saturating_sub(self.body.len());
        self.body.extend_from_slice(&data[..room.min(data.len())]);
        if let Some(digest) = &mut self.digest {
            digest.update(data);
        }
    }

    /// What was kept, where anything was to be.
    pub(super) fn end(self, headers: HeaderMap) -> Option<Kept> {
        (!self.keep.is_nothing()).then(|| Kept {
            headers: if self.keep.headers {
                headers
            } else {
                HeaderMap::new()
            },
            body: self.body,
            sha256: self.digest.map(|digest| digest.finalize().into()),
        })
    }
}
