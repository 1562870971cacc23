//! HAR files: what a browser's network tab, a proxy or a test tool has recorded (HTTP Archive 1.2).

use std::io::{BufRead, BufReader, Read};

use serde::de::DeserializeSeed;
use serde_json::error::Category;

use super::ReadOptions;
use super::broken_line::BrokenLine;
use super::error::LogError;
use super::http_archive::HttpArchive;
use super::interner::Interner;
use super::read_line::ReadLine;

mod document;
mod entry;
mod taken;
mod tally;

use document::Document;
use taken::Taken;

/// What was read of a HAR file.
pub(super) struct Har {
    /// The requests of one host, in time order.
    pub(super) requests: Vec<HarRequest>,
    pub(super) header_sets: Vec<Vec<(String, String)>>,
    pub(super) bodies: Interner,
    pub(super) entries: u64,
    pub(super) broken: u64,
    pub(super) first_broken: Vec<BrokenLine>,
    pub(super) out_of_order: u64,
    pub(super) archive: HttpArchive,
}

/// One request.
pub(super) struct HarRequest {
    pub(super) line: ReadLine,
    /// Index into the header sets.
    pub(super) headers: u32,
    /// Index into the bodies.
    pub(super) body: Option<u32>,
    host: u32,
}

/// The longest text that is read. Browsers export less.
const LONGEST: u64 = 512 * 1024 * 1024;

/// Tells whether a text begins as a HAR file does: with an object whose first name is `log`.
pub(super) fn is_har(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let after = |text: &[u8], c: u8| {
        let text = text.trim_ascii_start();
        text.strip_prefix(&[c]).map(<[u8]>::to_vec)
    };
    after(start, b'{').is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\"log\""))
}

/// Reads a HAR file entry by entry; what was answered is passed over and takes no memory.
pub(super) fn read(
    source: impl BufRead,
    origin: &str,
    options: &ReadOptions,
) -> Result<Har, LogError> {
    let mut source = source.take(LONGEST);
    let mut start = Vec::new();
    let mark = source.by_ref().take(3).read_to_end(&mut start);
    mark.map_err(|source| LogError::Read {
        origin: origin.to_owned(),
        line: 0,
        source,
    })?;
    if start.is_empty() {
        return Err(LogError::Empty {
            origin: origin.to_owned(),
        });
    }
    if start == b"\xef\xbb\xbf" {
        start.clear();
    }
    let mut taken = Taken::new(options);
    // The parser takes single bytes: what stands between it and the source would cost for each.
    let reader = BufReader::with_capacity(64 * 1024, start.as_slice().chain(&mut source));
    let mut json = serde_json::Deserializer::from_reader(reader);
    let parsed = Document(&mut taken)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    drop(json);
    if taken.is_full || source.limit() == 0 {
        return Err(LogError::TooLarge {
            origin: origin.to_owned(),
            line: taken.entries,
            what: "512 MiB or 10 million requests",
        });
    }
    parsed.map_err(|error| match error.classify() {
        Category::Data if !taken.has_entries => LogError::NoHar {
            origin: origin.to_owned(),
        },
        _ => LogError::Har {
            origin: origin.to_owned(),
            reason: error.to_string(),
        },
    })?;
    taken.finish(origin, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_har_file_by_its_beginning() {
        assert!(is_har(br#"{"log":{"version":"1.2""#));
        assert!(is_har(b"\xef\xbb\xbf\r\n{\n  \"log\": {"));
        for other in [r#"{"logs":1}"#, r#"{"time":"x"}"#, "", "{", "h - - ["] {
            assert!(!is_har(other.as_bytes()), "{other}");
        }
    }
}
