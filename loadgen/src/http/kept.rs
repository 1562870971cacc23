//! The parts of an answer that are kept.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use sha2::{Digest, Sha256};

use crate::http::content_coding::{Decoded, codings, decode};
use crate::http::grpc_messages::{GrpcParts, KeepMessages};

/// The parts of an answer to keep besides its status and size. The body is always read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keep {
    /// Keeps its headers.
    pub(crate) headers: bool,
    /// The number of bytes of its body to keep, from the start.
    pub(crate) body_limit: usize,
    /// Computes the SHA-256 of its whole body.
    pub(crate) sha256: bool,
    /// Decodes the kept body: the request asked for a content coding.
    pub(crate) decode: bool,
    /// Reads its body as a stream of events.
    pub(crate) events: bool,
    /// Reads its body as messages of gRPC, over HTTP/2 only, and keeps some of them. Its headers are kept then. `None` for another
    /// body.
    pub(crate) messages: Option<KeepMessages>,
}

impl Keep {
    /// Returns true if nothing is to be kept.
    pub(crate) fn is_nothing(self) -> bool {
        !self.headers && self.body_limit == 0 && !self.sha256 && self.messages.is_none()
    }

    /// Returns true if headers are kept, or needed to decode the kept body.
    pub(crate) fn needs_headers(self) -> bool {
        self.headers || self.body_limit > 0
    }
}

/// The kept parts of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    /// Its headers; empty unless requested.
    pub(crate) headers: HeaderMap,
    /// The start of its body, decoded if `state` says so.
    pub(crate) body: Vec<u8>,
    /// True if the body is longer than its kept part.
    pub(crate) is_cut: bool,
    /// State of the kept body.
    pub(crate) state: BodyState,
    /// The SHA-256 of its whole body, decoded like `body`. `None` unless requested.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Messages and trailers of gRPC. `None` unless requested.
    pub(crate) grpc: Option<Box<GrpcParts>>,
    /// All messages of a stream, as text, for a trial. Empty otherwise.
    pub(crate) stream: Vec<Vec<u8>>,
}

/// State of a kept body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum BodyState {
    /// The content itself, as it was transferred or decoded.
    #[default]
    Content,
    /// In a content coding, because the request did not ask for one. The reason names the coding.
    Encoded(String),
    /// In a content coding that can't be decoded, for this reason.
    Undecodable(String),
}

impl BodyState {
    /// Returns why the body is not the content. `None` if it is.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Content => None,
            Self::Encoded(reason) | Self::Undecodable(reason) => Some(reason),
        }
    }
}

/// Collects the parts of an answer to keep, as its body arrives.
pub(crate) struct KeptBuilder {
    keep: Keep,
    body: Vec<u8>,
    body_bytes: u64,
    digest: Option<Sha256>,
}

impl KeptBuilder {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            keep,
            body: Vec::new(),
            body_bytes: 0,
            digest: keep.sha256.then(Sha256::new),
        }
    }

    /// Adds the next bytes of the body.
    pub(crate) fn add(&mut self, data: &[u8]) {
        self.body_bytes += data.len() as u64;
        let room = self.keep.body_limit.saturating_sub(self.body.len());
        if room > 0 {
            self.body.extend_from_slice(&data[..room.min(data.len())]);
        }
        if let Some(digest) = &mut self.digest {
            digest.update(data);
        }
    }

    /// The kept parts. `None` if nothing was to be kept.
    ///
    /// A body is decoded here, after its last byte was stamped, so that decoding is in no latency.
    pub(crate) fn build(self, headers: HeaderMap) -> Option<Kept> {
        let keep = self.keep;
        if keep.is_nothing() {
            return None;
        }
        let mut kept = Kept {
            is_cut: self.body_bytes > self.body.len() as u64,
            body: self.body,
            sha256: self.digest.map(|digest| digest.finalize().into()),
            ..Kept::default()
        };
        if keep.body_limit > 0 && self.body_bytes > 0 && headers.contains_key(CONTENT_ENCODING) {
            decode_kept(&mut kept, &headers, keep);
        }
        if keep.headers {
            kept.headers = headers;
        }
        Some(kept)
    }
}

fn decode_kept(kept: &mut Kept, headers: &HeaderMap, keep: Keep) {
    let codings = codings(headers);
    if codings.is_empty() {
        return;
    }
    let names = codings.join(", ");
    if !keep.decode {
        kept.state = BodyState::Encoded(format!(
            "the body is encoded with {names}; set `accept-encoding` in the headers of the request to \
             have it decoded"
        ));
        return;
    }
    match decode(
        &codings,
        &kept.body,
        kept.is_cut,
        keep.body_limit,
        keep.sha256,
    ) {
        Ok(Decoded {
            body,
            is_cut,
            sha256,
        }) => {
            kept.body = body;
            kept.is_cut = is_cut;
            if keep.sha256 {
                kept.sha256 = sha256;
            }
        }
        Err(reason) => {
            kept.state = BodyState::Undecodable(format!(
                "the body could not be decoded with {names}: {reason}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const KEEP: Keep = Keep {
        headers: true,
        body_limit: 1000,
        sha256: true,
        decode: true,
        events: false,
        messages: None,
    };

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn kept(keep: Keep, coding: &'static str, body: &[u8]) -> Kept {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, coding.parse().unwrap());
        let mut builder = KeptBuilder::new(keep);
        body.chunks(7).for_each(|data| builder.add(data));
        builder.build(headers).unwrap()
    }

    #[test]
    fn decodes_if_the_request_asked() {
        let body = gzip(b"hello");
        let decoded = kept(KEEP, "gzip", &body);
        assert_eq!(
            (decoded.body.as_slice(), decoded.is_cut),
            (&b"hello"[..], false)
        );
        assert_eq!(decoded.sha256, Some(Sha256::digest(b"hello").into()));
        assert_eq!(decoded.state, BodyState::Content);
        let unasked = Keep {
            decode: false,
            ..KEEP
        };
        let encoded = kept(unasked, "gzip", &body);
        assert_eq!(encoded.body, body);
        assert_eq!(encoded.sha256, Some(Sha256::digest(&body).into()));
        let reason = encoded.state.reason().unwrap();
        assert!(
            reason.starts_with("the body is encoded with gzip;"),
            "{reason}"
        );
    }

    #[test]
    fn names_the_coding_that_can_not_be_decoded() {
        for (coding, body, expected) in [
            ("gzip", &b"hello"[..], "decoded with gzip: "),
            (
                "compress",
                b"hello",
                "decoded with compress: the coding is not supported",
            ),
        ] {
            let kept = kept(KEEP, coding, body);
            let reason = kept.state.reason().unwrap();
            assert!(reason.contains(expected), "{reason}");
            assert_eq!(kept.body, body);
        }
    }

    #[test]
    fn bounds_what_is_kept() {
        let kept = kept(KEEP, "gzip", &gzip(&[b'a'; 100_000]));
        assert_eq!((kept.body.len(), kept.is_cut), (1000, true));
        assert_eq!(kept.sha256, Some(Sha256::digest([b'a'; 100_000]).into()));
    }

    #[test]
    fn identity_and_empty_bodies_are_content() {
        assert_eq!(kept(KEEP, "identity", b"hello").body, b"hello");
        assert_eq!(kept(KEEP, "gzip", b"").state, BodyState::Content);
    }
}
