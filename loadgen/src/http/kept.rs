//! What is kept of an answer as it comes.

use http::HeaderMap;
use sha2::{Digest, Sha256};

/// What of a response is kept beside its status and size. The body is read to its end in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keep {
    /// Its headers.
    pub(crate) headers: bool,
    /// So many bytes of its body, from the first.
    pub(crate) body_limit: usize,
    /// The SHA-256 of its whole body.
    pub(crate) sha256: bool,
}

impl Keep {
    /// Whether anything is kept at all.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// What was kept of a response.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// Its headers, where they were asked for.
    pub(crate) headers: HeaderMap,
    /// The beginning of its body.
    pub(crate) body: Vec<u8>,
    /// The SHA-256 of its whole body, where it was asked for.
    pub(crate) sha256: Option<[u8; 32]>,
}

/// Keeps of an answer what is wanted of it.
pub(crate) struct Keeping {
    keep: Keep,
    body: Vec<u8>,
    digest: Option<Sha256>,
}

impl Keeping {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            keep,
            body: Vec::new(),
            digest: keep.sha256.then(Sha256::new),
        }
    }

    /// Takes the next bytes of the body.
    pub(crate) fn take(&mut self, data: &[u8]) {
        let room = self.keep.body_limit.saturating_sub(self.body.len());
        self.body.extend_from_slice(&data[..room.min(data.len())]);
        if let Some(digest) = &mut self.digest {
            digest.update(data);
        }
    }

    /// What was kept, where anything was to be.
    pub(crate) fn end(self, headers: HeaderMap) -> Option<Kept> {
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
