//! The parts of an answer that are kept.

use http::HeaderMap;
use sha2::{Digest, Sha256};

/// The parts of an answer to keep besides its status and size. The body is always read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keep {
    /// Keeps its headers.
    pub(crate) headers: bool,
    /// The number of bytes of its body to keep, from the start.
    pub(crate) body_limit: usize,
    /// Computes the SHA-256 of its whole body.
    pub(crate) sha256: bool,
    /// Reads its body as a stream of events.
    pub(crate) events: bool,
}

impl Keep {
    /// Returns true if nothing is to be kept.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// The kept parts of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// Its headers; empty unless requested.
    pub(crate) headers: HeaderMap,
    /// The start of its body.
    pub(crate) body: Vec<u8>,
    /// The SHA-256 of its whole body. `None` unless requested.
    pub(crate) sha256: Option<[u8; 32]>,
}

/// Collects the parts of an answer to keep, as its body arrives.
pub(crate) struct KeptBuilder {
    keep: Keep,
    body: Vec<u8>,
    digest: Option<Sha256>,
}

impl KeptBuilder {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            keep,
            body: Vec::new(),
            digest: keep.sha256.then(Sha256::new),
        }
    }

    /// Adds the next bytes of the body.
    pub(crate) fn add(&mut self, data: &[u8]) {
        let room = self.keep.body_limit.saturating_sub(self.body.len());
        self.body.extend_from_slice(&data[..room.min(data.len())]);
        if let Some(digest) = &mut self.digest {
            digest.update(data);
        }
    }

    /// The kept parts. `None` if nothing was to be kept.
    pub(crate) fn build(self, headers: HeaderMap) -> Option<Kept> {
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
