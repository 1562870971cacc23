//! Compression of messages by gzip.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::http::GrpcMessage;

/// The longest message that is made of a compressed one, in bytes.
const MESSAGE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Compresses a message.
///
/// # Errors
/// If the encoder fails.
pub(super) fn compress(message: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(message).and_then(|()| encoder.finish());
    written.map_err(|error| format!("the message can't be compressed: {error}"))
}

/// The payload of a message, decompressed if it is compressed. `encoding` is the `grpc-encoding` of the answer.
///
/// # Errors
/// The reason, if it can't be decompressed.
pub(super) fn payload<'a>(
    message: &'a GrpcMessage,
    encoding: Option<&str>,
) -> Result<Cow<'a, [u8]>, String> {
    match (message.is_compressed, encoding) {
        (false, _) => Ok(Cow::Borrowed(&message.payload)),
        (true, Some("gzip")) => decompress(&message.payload).map(Cow::Owned),
        (true, None | Some("identity")) => {
            Err("a message of the answer is compressed, but no grpc-encoding is named".to_owned())
        }
        (true, Some(other)) => {
            let other: String = other.chars().take(20).collect();
            Err(format!(
                "a message of the answer is compressed with `{other}`; only gzip is supported"
            ))
        }
    }
}

/// Decompresses a message.
///
/// # Errors
/// The reason, if it is not valid or longer than 16 MiB.
fn decompress(message: &[u8]) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    MultiGzDecoder::new(message)
        .take(MESSAGE_BYTES_MAX + 1)
        .read_to_end(&mut whole)
        .map_err(|error| format!("a message of the answer is not valid gzip: {error}"))?;
    match whole.len() as u64 {
        0..=MESSAGE_BYTES_MAX => Ok(whole),
        _ => Err(format!(
            "a message of the answer is longer than {} MiB",
            MESSAGE_BYTES_MAX >> 20
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_and_bombs_do_not() {
        let message = b"pear".repeat(1_000);
        let compressed = compress(&message).unwrap();
        assert!(compressed.len() < message.len());
        assert_eq!(decompress(&compressed), Ok(message));
        assert!(decompress(b"pear").unwrap_err().contains("not valid gzip"));
        let message = GrpcMessage {
            is_compressed: true,
            payload: compressed,
        };
        for (encoding, expected) in [(None, "no grpc-encoding"), (Some("br"), "`br`")] {
            let error = payload(&message, encoding).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let bomb = compress(&vec![0; MESSAGE_BYTES_MAX as usize + 1]).unwrap();
        assert!(
            decompress(&bomb)
                .unwrap_err()
                .contains("longer than 16 MiB")
        );
    }
}
