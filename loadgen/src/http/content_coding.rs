//! Content codings of bodies (RFC 9110, section 8.4.1): gzip, deflate, br and zstd.

use std::io::{self, Read};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use sha2::{Digest, Sha256};

use crate::http::list_element::list_elements;

/// The most codings of one body.
const CODINGS_MAX: usize = 4;

/// The most bytes that are decoded of one body, to compute its digest.
const DIGESTED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest window of a zstd body (RFC 9659).
const ZSTD_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Size of the input buffer of the brotli decoder.
const BROTLI_BUFFER_BYTES: usize = 4096;

/// A decoded body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// Its start.
    pub(super) body: Vec<u8>,
    /// True if it is longer than that.
    pub(super) is_cut: bool,
    /// Its SHA-256. `None` if it was not requested, or if the body is too long to compute it.
    pub(super) sha256: Option<[u8; 32]>,
}

/// The codings of a body in the order in which they were applied, in lower case, without `identity`.
pub(super) fn codings(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(CONTENT_ENCODING).iter();
    lines
        .flat_map(|line| list_elements(line.as_bytes()))
        .map(|coding| String::from_utf8_lossy(coding).to_ascii_lowercase())
        .filter(|coding| coding != "identity")
        .collect()
}

/// Decodes a body, of which the first bytes are given: all of them unless `is_cut`. Keeps at most `limit` bytes
/// of the result.
///
/// # Errors
/// The reason, if a coding is not supported or the body is not valid in it.
pub(super) fn decode(
    codings: &[String],
    body: &[u8],
    is_cut: bool,
    limit: usize,
    with_digest: bool,
) -> Result<Decoded, String> {
    if codings.len() > CODINGS_MAX {
        return Err(format!("more than {CODINGS_MAX} codings"));
    }
    let most = match with_digest {
        true => limit.max(DIGESTED_BYTES_MAX),
        false => limit,
    };
    let (mut decoded, mut is_cut) = (body.to_vec(), is_cut);
    for coding in codings.iter().rev() {
        (decoded, is_cut) = decode_one(coding, &decoded, is_cut, most)?;
    }
    let sha256 = (with_digest && !is_cut).then(|| Sha256::digest(&decoded).into());
    is_cut |= decoded.len() > limit;
    decoded.truncate(limit);
    Ok(Decoded {
        body: decoded,
        is_cut,
        sha256,
    })
}

/// Decodes one coding. Returns at most `limit` bytes, and whether there are more.
fn decode_one(
    coding: &str,
    body: &[u8],
    is_cut: bool,
    limit: usize,
) -> Result<(Vec<u8>, bool), String> {
    let mut decoded = Vec::new();
    // One byte more shows that the result is cut.
    let most = limit as u64 + 1;
    let done = match coding {
        "gzip" | "x-gzip" => read(MultiGzDecoder::new(body), most, &mut decoded),
        "deflate" if is_zlib(body) => read(ZlibDecoder::new(body), most, &mut decoded),
        // Without the zlib header that RFC 9110 requires, as some services send it.
        "deflate" => read(DeflateDecoder::new(body), most, &mut decoded),
        "br" => {
            let decoder = brotli_decompressor::Decompressor::new(body, BROTLI_BUFFER_BYTES);
            read(decoder, most, &mut decoded)
        }
        "zstd" => unzstd(body, most, &mut decoded),
        _ => {
            return Err("the coding is not supported; gzip, deflate, br and zstd are".to_owned());
        }
    };
    match done {
        Ok(()) => {}
        // The rest of the body was not kept.
        Err(_) if is_cut => {}
        Err(error) => return Err(error.to_string()),
    }
    let is_cut = is_cut || decoded.len() > limit;
    decoded.truncate(limit);
    Ok((decoded, is_cut))
}

fn read(decoder: impl Read, most: u64, decoded: &mut Vec<u8>) -> io::Result<()> {
    decoder.take(most).read_to_end(decoded).map(|_| ())
}

/// Returns true if a body begins with a zlib header (RFC 1950, section 2.2).
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => {
            method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

/// Decodes the frames of a zstd body (RFC 8878, section 3.1).
fn unzstd(mut body: &[u8], most: u64, decoded: &mut Vec<u8>) -> io::Result<()> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(ZSTD_WINDOW_BYTES_MAX);
    while !body.is_empty() && (decoded.len() as u64) < most {
        match StreamingDecoder::new_with_decoder(&mut body, &mut decoder) {
            Ok(frame) => {
                let left = most - decoded.len() as u64;
                read(frame, left, decoded)?;
            }
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => body = body.get(length as usize..).unwrap_or_default(),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    /// "hello hello hello" by `brotli -c`.
    const BROTLI: &[u8] = &[
        0x1b, 0x10, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0x96, 0x6c, 0x20, 0x6f,
        0x01, 0x4f, 0x1c, 0x60, 0x1c,
    ];

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(body: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(body: &[u8]) -> Vec<u8> {
        use ruzstd::encoding::{CompressionLevel, compress_to_vec};
        compress_to_vec(body, CompressionLevel::Fastest)
    }

    fn whole(coding: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        decode(&[coding.to_owned()], body, false, 1 << 20, false).map(|decoded| decoded.body)
    }

    #[test]
    fn decodes_concatenated_members_and_frames() {
        let twice = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(whole("x-gzip", &twice), Ok(b"one two".to_vec()));
        let skipped = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc";
        let frames = [&zstd(b"one "), &skipped[..], &zstd(b"two")].concat();
        assert_eq!(whole("zstd", &frames), Ok(b"one two".to_vec()));
    }

    #[test]
    fn decodes_codings_in_reverse_order() {
        let body = gzip(&deflate(b"hello"));
        let codings = ["deflate".to_owned(), "gzip".to_owned()];
        let decoded = decode(&codings, &body, false, 100, true).unwrap();
        assert_eq!(decoded.body, b"hello");
        assert_eq!(decoded.sha256, Some(Sha256::digest(b"hello").into()));
    }

    #[test]
    fn cut_bodies_give_their_start() {
        let text: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).collect();
        for (coding, body) in [
            ("gzip", gzip(&text)),
            ("deflate", zlib(&text)),
            ("zstd", zstd(&text)),
        ] {
            let codings = [coding.to_owned()];
            let half = decode(&codings, &body[..body.len() / 2], true, 1 << 20, true).unwrap();
            assert!(half.is_cut && half.sha256.is_none(), "{coding}");
            assert!(text.starts_with(&half.body), "{coding}");
            let few = decode(&codings, &body, false, 10, false).unwrap();
            assert_eq!(
                (few.body.as_slice(), few.is_cut),
                (&text[..10], true),
                "{coding}"
            );
            assert!(whole(coding, &body[..body.len() / 2]).is_err(), "{coding}");
        }
    }

    #[test]
    fn refuses_unknown_codings_and_long_chains() {
        assert!(
            whole("compress", b"")
                .unwrap_err()
                .contains("not supported")
        );
        let many = vec!["gzip".to_owned(); 5];
        assert!(decode(&many, b"", false, 10, false).is_err());
    }

    #[test]
    fn bombs_are_cut() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        let decoded = decode(&["gzip".to_owned()], &bomb, false, 1000, true).unwrap();
        assert_eq!(
            (decoded.body.len(), decoded.is_cut, decoded.sha256),
            (1000, true, None)
        );
    }

    #[test]
    fn reads_brotli() {
        assert_eq!(whole("br", BROTLI), Ok(b"hello hello hello".to_vec()));
        assert!(whole("br", &BROTLI[..8]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

        #[test]
        fn reads_what_was_encoded(body in prop::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(whole("gzip", &gzip(&body)), Ok(body.clone()));
            prop_assert_eq!(whole("deflate", &zlib(&body)), Ok(body.clone()));
            prop_assert_eq!(whole("deflate", &deflate(&body)), Ok(body.clone()));
            prop_assert_eq!(whole("zstd", &zstd(&body)), Ok(body));
        }

        #[test]
        fn reads_or_rejects_any_bytes(
            body in prop::collection::vec(any::<u8>(), 0..300),
            coding in prop_oneof![Just("gzip"), Just("deflate"), Just("br"), Just("zstd")],
        ) {
            if let Ok(decoded) = whole(coding, &body) {
                prop_assert!(decoded.len() <= 1 << 20);
            }
        }

        #[test]
        fn reads_or_rejects_damaged_bodies(at in any::<prop::sample::Index>(), byte: u8) {
            let body = b"hello hello hello hello, and more of it";
            for (coding, mut damaged) in [
                ("gzip", gzip(body)),
                ("deflate", zlib(body)),
                ("br", BROTLI.to_vec()),
                ("zstd", zstd(body)),
            ] {
                let at = at.index(damaged.len());
                damaged[at] = byte;
                let _ = whole(coding, &damaged);
            }
        }
    }
}
