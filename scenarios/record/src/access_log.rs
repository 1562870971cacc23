//! Access logs of web servers and HAR files, read into requests.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

mod line_reader;
mod summary;

pub(crate) use summary::kind_of;
pub use summary::{HotKey, LogSummary, Share};

use crate::format::Lines;
use crate::format::log_time::Grain;
use crate::format::read_line::{Layout, ReadLine};
use crate::har;
use crate::har::archive::HttpArchive;
use crate::input::broken_line::BrokenLine;
use crate::input::interner::Interner;
use crate::input::log_error::LogError;
use crate::input::name_tally::NameTally;
use crate::input::{REQUESTS_MAX, ReadOptions};
use line_reader::{LineReader, Next};

/// Requests of an access log in time order, and counts of lines that could not be used.
#[derive(Debug, Clone)]
pub struct AccessLog {
    /// Name of the log in messages: its file name without the folder.
    pub origin: String,
    /// Layout of its lines: a name, or the format as given.
    pub format: String,
    /// True if the format was detected instead of given.
    pub detected: bool,
    /// Number of lines, including broken ones and headers; for a HAR file, of entries.
    pub lines: u64,
    /// Number of header lines, which begin with `#` and hold no request.
    pub headers: u64,
    /// Number of lines that could not be read.
    pub broken: u64,
    /// The first broken lines, at most [`ReadOptions::broken_kept`].
    pub first_broken: Vec<BrokenLine>,
    /// Number of lines that were read although they end within an unused field, such as the user agent.
    pub cut_short: u64,
    /// Number of lines that are earlier than a line before them. They are sorted into place.
    pub out_of_order: u64,
    /// Number of lines for connections without a request (`"-"`, or bytes that are not HTTP). They have
    /// a time and a status, but no method and no target.
    pub without_request: u64,
    /// Resolution of the log's times.
    pub grain: Grain,
    /// Secrets masked in targets, as location and name with a count. For a HAR file see
    /// [`HttpArchive::masked`].
    pub masked: Vec<(String, u64)>,
    /// Further counts of a HAR file; `None` for other logs.
    pub archive: Option<HttpArchive>,
    entries: Vec<Entry>,
    methods: Interner,
    targets: Interner,
    /// One per entry of a HAR file; empty for other logs.
    sent: Vec<Sent>,
    header_sets: Vec<Vec<(String, String)>>,
    bodies: Interner,
}

/// One line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Time of the request, in microseconds since 1970 (UTC).
    pub at_us: i64,
    /// Method and target; `None` for a connection without a request.
    pub request: Option<RecordedRequest<'a>>,
    /// Status of the response; `None` if not logged.
    pub status: Option<u16>,
    /// Size of the response in bytes; 0 if not logged.
    pub bytes: u64,
}

/// The request of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedRequest<'a> {
    /// Method.
    pub method: &'a str,
    /// Target, in origin form if possible. Bytes that a request line must not contain are
    /// percent-encoded.
    pub target: &'a str,
    /// Number of the target, from 0; equal targets have the same number.
    pub target_id: usize,
    /// Headers that affect the response, by name; only for HAR files.
    pub headers: &'a [(String, String)],
    /// Number of the headers, from 0; equal headers have the same number.
    pub headers_id: usize,
    /// Body; only for HAR files.
    pub body: Option<&'a str>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at_us: i64,
    bytes: u64,
    /// `NONE` without a request.
    target: u32,
    method: u16,
    /// 0 if not logged.
    status: u16,
}

/// Further data of an entry of a HAR file.
#[derive(Debug, Clone, Copy)]
struct Sent {
    headers: u32,
    /// `NONE` without a body.
    body: u32,
}

const NONE: u32 = u32::MAX;
/// Bytes examined to detect a HAR file.
const DETECTION_BYTES: u64 = 512;
const TARGET_BYTES_MAX: usize = 256 * 1024 * 1024;
/// HTTP has about 40 registered methods; scanners invent more.
const METHODS_MAX: usize = 200;

impl AccessLog {
    /// Reads a file, plain or gzipped, regardless of its extension.
    ///
    /// # Errors
    /// Fails if the file can't be read, has no readable line, or has more than 10 million lines or 256
    /// MiB of different targets.
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Self, LogError> {
        let failed = |source| LogError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let name = path
            .file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy();
        Self::read_from(BufReader::with_capacity(256 * 1024, file), &name, options)
    }

    /// Reads lines from a source in one pass. Detects gzip by its first two bytes.
    ///
    /// `origin` is the name used in messages.
    ///
    /// # Errors
    /// As [`AccessLog::read`].
    pub fn read_from(
        mut source: impl BufRead,
        origin: &str,
        options: &ReadOptions,
    ) -> Result<Self, LogError> {
        let failed = |source| LogError::Read {
            origin: origin.to_owned(),
            line: 0,
            source,
        };
        let (magic, source) = peek(&mut source, 2).map_err(failed)?;
        let mut source: Box<dyn BufRead + '_> = match magic == [0x1f, 0x8b] {
            true => Box::new(BufReader::new(MultiGzDecoder::new(source))),
            false => Box::new(source),
        };
        let (start, whole) = peek(&mut source, DETECTION_BYTES).map_err(failed)?;
        let mut log = Self::empty(origin);
        let is_har = match &options.format {
            Some(format) => format.is_har(),
            None => har::is_har(&start) || is_named_har(origin),
        };
        log.detected = options.format.is_none();
        match is_har {
            true => log.fill_from_har(whole, options)?,
            false => log.fill(whole, options)?,
        }
        Ok(log)
    }

    /// Returns the lines in time order; lines with equal times keep the order of the file.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> + Clone {
        self.entries
            .iter()
            .enumerate()
            .map(|(index, entry)| Record {
                at_us: entry.at_us,
                request: (entry.target != NONE).then(|| self.request(index, entry)),
                status: (entry.status != 0).then_some(entry.status),
                bytes: entry.bytes,
            })
    }

    fn request(&self, index: usize, entry: &Entry) -> RecordedRequest<'_> {
        let sent = self.sent.get(index);
        let headers_id = sent.map_or(0, |sent| sent.headers as usize);
        let body = sent.filter(|sent| sent.body != NONE);
        RecordedRequest {
            method: self.methods.get(u32::from(entry.method)),
            target: self.targets.get(entry.target),
            target_id: entry.target as usize,
            headers: self.header_sets.get(headers_id).map_or(&[], Vec::as_slice),
            headers_id,
            body: body.map(|sent| self.bodies.get(sent.body)),
        }
    }

    /// Returns the number of different targets.
    pub fn distinct_targets(&self) -> usize {
        self.targets.len()
    }

    /// Returns a summary of the log.
    pub fn summary(&self) -> LogSummary {
        LogSummary::of(self)
    }

    fn empty(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            format: String::new(),
            detected: false,
            lines: 0,
            headers: 0,
            broken: 0,
            first_broken: Vec::new(),
            cut_short: 0,
            out_of_order: 0,
            without_request: 0,
            grain: Grain::Second,
            masked: Vec::new(),
            archive: None,
            entries: Vec::new(),
            methods: Interner::default(),
            targets: Interner::default(),
            sent: Vec::new(),
            header_sets: Vec::new(),
            bodies: Interner::default(),
        }
    }

    fn fill(&mut self, source: impl BufRead, options: &ReadOptions) -> Result<(), LogError> {
        let mut reader = LineReader::new(source);
        let mut lines = Lines::new(options.format.as_ref());
        let mut latest = i64::MIN;
        let mut layouts = [0_u64; Layout::DETECTED.len()];
        let mut masked = NameTally::default();
        loop {
            let next = reader.next_line().map_err(|source| LogError::Read {
                origin: self.origin.clone(),
                line: self.lines + 1,
                source,
            })?;
            let (line, read) = match next {
                Next::End => break,
                Next::Line(line) => {
                    self.lines += 1;
                    (line, lines.read(line))
                }
                Next::TooLong(start) => {
                    self.lines += 1;
                    (start, Err(line_reader::too_long()))
                }
            };
            let read = match read {
                Ok(Some(read)) => read,
                Ok(None) => {
                    self.headers += 1;
                    continue;
                }
                Err(reason) => {
                    self.broken += 1;
                    if self.first_broken.len() < options.broken_kept {
                        self.first_broken
                            .push(BrokenLine::new(self.lines, reason, line));
                    }
                    continue;
                }
            };
            let named = Layout::DETECTED
                .iter()
                .position(|named| *named == read.layout);
            if let Some(named) = named {
                layouts[named] += 1;
            }
            self.out_of_order += u64::from(read.at_us < latest);
            latest = latest.max(read.at_us);
            self.add(&read)?;
            if let Some(request) = read.request {
                masked.count_all(request.masked);
            }
        }
        self.masked = masked.ranked();
        if self.lines == 0 {
            return Err(LogError::Empty {
                origin: self.origin.clone(),
            });
        }
        if self.entries.is_empty() {
            return Err(LogError::AllBroken {
                origin: self.origin.clone(),
                lines: self.lines,
                first: self
                    .first_broken
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            });
        }
        let found: Vec<(Layout, u64)> = std::iter::zip(Layout::DETECTED, layouts)
            .filter(|(_, count)| *count > 0)
            .collect();
        self.format = match (&options.format, found.as_slice()) {
            (Some(format), _) => {
                // A directive that spans several lines is shown on one.
                let words: Vec<&str> = format.text().split_whitespace().collect();
                words.join(" ")
            }
            (None, [(layout, _)]) => layout.name().to_owned(),
            (None, several) => several
                .iter()
                .map(|(layout, count)| format!("{} ({count})", layout.name()))
                .collect::<Vec<_>>()
                .join(" and "),
        };
        if self.out_of_order > 0 {
            self.entries.sort_by_key(|entry| entry.at_us);
        }
        Ok(())
    }

    /// Copies the requests of one host from a HAR file.
    fn fill_from_har(
        &mut self,
        source: impl BufRead,
        options: &ReadOptions,
    ) -> Result<(), LogError> {
        let har = har::read(source, &self.origin, options)?;
        self.format = "har".to_owned();
        (self.lines, self.broken) = (har.entries, har.broken);
        self.out_of_order = har.out_of_order;
        self.first_broken = har.first_broken;
        for request in &har.requests {
            self.add(&request.line)?;
            self.sent.push(Sent {
                headers: request.headers,
                body: request.body.unwrap_or(NONE),
            });
        }
        // Browsers record fractions of a second, even if all of them are zero.
        self.grain = Grain::Finer;
        self.archive = Some(har.archive);
        (self.header_sets, self.bodies) = (har.header_sets, har.bodies);
        Ok(())
    }

    fn add(&mut self, read: &ReadLine) -> Result<(), LogError> {
        let full = |what: &'static str| LogError::TooLarge {
            origin: self.origin.clone(),
            line: self.lines,
            what,
        };
        if self.entries.len() == REQUESTS_MAX {
            return Err(full("10 million requests"));
        }
        if self.targets.bytes() > TARGET_BYTES_MAX {
            return Err(full("256 MiB of different targets"));
        }
        if read.at_us % 1_000_000 != 0 {
            self.grain = Grain::Finer;
        }
        self.cut_short += u64::from(read.cut_short);
        let request = read.request.as_ref().and_then(|request| {
            let method = self.methods.intern_bounded(&request.method, METHODS_MAX)?;
            Some((
                u16::try_from(method).ok()?,
                self.targets.intern(&request.target),
            ))
        });
        self.without_request += u64::from(request.is_none());
        let (method, target) = request.unwrap_or((0, NONE));
        self.entries.push(Entry {
            at_us: read.at_us,
            bytes: read.bytes,
            target,
            method,
            status: read.status.unwrap_or(0),
        });
        Ok(())
    }
}

/// Returns whether the name is that of a HAR file, so that an invalid one is reported as such.
fn is_named_har(origin: &str) -> bool {
    let name = origin.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".har")
}

/// Reads `length` bytes ahead. Returns them and a source that yields them again.
fn peek<R: BufRead>(
    source: &mut R,
    length: u64,
) -> std::io::Result<(Vec<u8>, impl BufRead + use<'_, R>)> {
    let mut start = Vec::new();
    source.by_ref().take(length).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(source)))
}
