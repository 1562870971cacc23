//! HAR files (HTTP Archive 1.2), as recorded by browsers, proxies and test tools.

use std::io::{BufRead, BufReader, Read};

use serde::de::DeserializeSeed;
use serde_json::error::Category;

use crate::format::read_line::ReadLine;
use crate::input::broken_line::BrokenLine;
use crate::input::interner::Interner;
use crate::input::log_error::LogError;

pub(crate) mod archive;
mod body;
mod document;
mod entry;
mod headers;
mod origin;
pub(crate) mod selection;
mod tally;
pub(crate) mod visit;

use archive::HttpArchive;
use document::Document;
use selection::Selection;

/// Contents of one or several HAR files.
pub(crate) struct Har {
    /// Requests of one host, in time order.
    pub(crate) requests: Vec<HarRequest>,
    pub(crate) header_sets: Vec<Vec<(String, String)>>,
    pub(crate) bodies: Interner,
    pub(crate) entries: u64,
    /// Files with their number of entries.
    pub(crate) files: Vec<(String, u64)>,
    pub(crate) broken: u64,
    pub(crate) first_broken: Vec<BrokenLine>,
    pub(crate) out_of_order: u64,
    pub(crate) archive: HttpArchive,
}

/// One request of a HAR file.
pub(crate) struct HarRequest {
    pub(crate) line: ReadLine,
    /// Index into the header sets.
    pub(crate) headers: u32,
    /// Index into the bodies.
    pub(crate) body: Option<u32>,
    /// Index into the files.
    pub(crate) file: usize,
    /// Number of the entry in its file, from 1.
    pub(crate) entry: u64,
    host: u32,
}

/// Maximum size of a file in bytes; browsers export less.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Returns whether a text starts like a HAR file: an object whose first name is `log`, which is an object too. In a
/// line of Docker's `json-file`, it is text.
pub fn is_har(start: &[u8]) -> bool {
    let mut rest = start;
    for token in [b"{".as_slice(), b"\"log\"", b":", b"{"] {
        match rest.trim_ascii_start().strip_prefix(token) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

/// Reads a HAR file entry by entry. Responses are skipped and take no memory.
pub(crate) fn read(
    selection: &mut Selection,
    source: impl BufRead,
    origin: &str,
) -> Result<(), LogError> {
    let mut source = source.take(FILE_BYTES_MAX);
    let mut start = Vec::new();
    let first = source.by_ref().take(1).read_to_end(&mut start);
    first.map_err(|source| LogError::Read {
        origin: origin.to_owned(),
        line: 0,
        source,
    })?;
    if start.is_empty() {
        return Err(LogError::Empty {
            origin: origin.to_owned(),
        });
    }
    selection.start_file(origin);
    // The parser reads single bytes, so the buffer has to be the outermost reader.
    let reader = BufReader::with_capacity(64 * 1024, start.as_slice().chain(&mut source));
    let mut json = serde_json::Deserializer::from_reader(reader);
    let parsed = Document(selection)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    drop(json);
    if selection.is_full || source.limit() == 0 {
        return Err(LogError::TooLarge {
            origin: origin.to_owned(),
            line: selection.entries,
            what: "512 MiB or 10 million requests",
        });
    }
    parsed.map_err(|error| match error.classify() {
        Category::Data if !selection.has_entries => LogError::NoHar {
            origin: origin.to_owned(),
        },
        _ => LogError::Har {
            origin: origin.to_owned(),
            reason: error.to_string(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_har_files_by_their_start() {
        assert!(is_har(br#"{"log":{"version":"1.2""#));
        assert!(is_har(b"\r\n{\n  \"log\": {"));
        for other in [
            r#"{"logs":1}"#,
            r#"{"log":"GET /\n","stream":"stdout"}"#,
            r#"{"time":"x"}"#,
            "",
            "{",
            "h - - [",
        ] {
            assert!(!is_har(other.as_bytes()), "{other}");
        }
    }
}
