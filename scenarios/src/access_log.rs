//! Access logs of web servers, read into requests.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

mod alb;
mod broken_line;
mod cloudfront;
mod directive;
mod error;
mod field;
mod format;
mod har;
mod har_body;
mod har_headers;
mod http_archive;
mod interner;
mod line_reader;
mod log_format;
mod log_time;
mod name_tally;
mod nginx;
mod read_line;
mod request_line;
mod summary;

pub use broken_line::BrokenLine;
pub use error::{FormatError, LogError};
pub use format::Format;
pub use http_archive::HttpArchive;
pub use log_time::Grain;
pub use summary::{HotKey, LogSummary, Share};

use format::Lines;
use interner::Interner;
use line_reader::{LineReader, Next};
use name_tally::NameTally;
use read_line::{Layout, ReadLine};
pub(crate) use summary::kind_of;

/// The requests of an access log in time order, and what could not be read of it.
#[derive(Debug, Clone)]
pub struct AccessLog {
    /// What the log is called: its file's name, without the folder.
    pub origin: String,
    /// The layout of its lines, in a word or as given.
    pub format: String,
    /// Whether that was found out rather than given.
    pub detected: bool,
    /// How many lines it has, broken ones and headers among them; entries of a HAR file.
    pub lines: u64,
    /// How many lines are headers, which begin with `#` and hold no request.
    pub headers: u64,
    /// How many lines could not be read.
    pub broken: u64,
    /// The first few of those.
    pub first_broken: Vec<BrokenLine>,
    /// How many lines were read although they end within a field that is of no use here, such as
    /// the user agent.
    pub cut_short: u64,
    /// How many lines are earlier than one before them. They have been sorted in.
    pub out_of_order: u64,
    /// How many lines tell of a connection on which no request came (`"-"`, or bytes that are no
    /// HTTP). They have a time and a status, but no method and no target.
    pub without_request: u64,
    /// How finely its times are told.
    pub grain: Grain,
    /// What looked like a secret in its targets and so was not kept, by its place and name, and how
    /// often; of a HAR file its archive tells.
    pub masked: Vec<(String, u64)>,
    /// What a HAR file tells beyond that.
    pub archive: Option<HttpArchive>,
    entries: Vec<Entry>,
    methods: Interner,
    targets: Interner,
    /// Of every entry of a HAR file; empty for others.
    sent: Vec<Sent>,
    header_sets: Vec<Vec<(String, String)>>,
    bodies: Interner,
}

/// How to read a log.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// What kind of log it is; without one a HAR file is known by its beginning, and Common,
    /// Combined and the logs of ALB and CloudFront are told apart line by line.
    pub format: Option<Format>,
    /// Of which host to take the requests of a HAR file; without one, of the most frequent.
    pub host: Option<String>,
    /// How many broken lines to keep for the report.
    pub broken_kept: usize,
}

/// One line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// When the request came in, in microseconds since 1970 (UTC).
    pub at_us: i64,
    /// Method and target; `None` where no request was made.
    pub request: Option<RecordedRequest<'a>>,
    /// The status of the response, where it is told.
    pub status: Option<u16>,
    /// The size of the response in bytes; 0 where it is not told.
    pub bytes: u64,
}

/// The request of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The target, in origin form wherever the recorded one could be brought to it, with what no
    /// request line may hold percent-encoded.
    pub target: &'a str,
    /// The target as a number, from 0, the same for the same target.
    pub target_id: usize,
    /// The headers that matter, by name; only HAR files tell them.
    pub headers: &'a [(String, String)],
    /// The headers as a number, from 0, the same for the same headers.
    pub headers_id: usize,
    /// The body; only HAR files tell it.
    pub body: Option<&'a str>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at_us: i64,
    bytes: u64,
    /// `NONE` where there was no request.
    target: u32,
    method: u16,
    /// 0 where it is not told.
    status: u16,
}

/// What an entry of a HAR file has beside.
#[derive(Debug, Clone, Copy)]
struct Sent {
    headers: u32,
    /// `NONE` where there was none.
    body: u32,
}

const NONE: u32 = u32::MAX;
/// Enough to know a HAR file by.
const BEGINNING: u64 = 512;
/// As many as a trace phase may have. Larger logs are split first; 10 million take some 400 MB.
const MOST_REQUESTS: usize = 10_000_000;
const MOST_TARGET_BYTES: usize = 256 * 1024 * 1024;
/// HTTP has some 40 registered methods; what a scanner makes up beyond this is no request.
const MOST_METHODS: usize = 200;

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
            host: None,
            broken_kept: 5,
        }
    }
}

impl AccessLog {
    /// Reads a file, plain or gzipped, whatever its name ends in.
    ///
    /// # Errors
    /// Fails where the file can't be read, holds no line or no line that can be read, and where it
    /// holds more than 10 million lines or 256 MiB of different targets.
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

    /// Reads the lines of any source, plain or gzipped (told by its first two bytes), in one pass.
    ///
    /// `origin` is what messages call it.
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
        let (magic, source) = beginning(&mut source, 2).map_err(failed)?;
        let mut source: Box<dyn BufRead + '_> = match magic == [0x1f, 0x8b] {
            true => Box::new(BufReader::new(MultiGzDecoder::new(source))),
            false => Box::new(source),
        };
        let (start, whole) = beginning(&mut source, BEGINNING).map_err(failed)?;
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

    /// Returns the lines in time order; lines of one time stay in the order of the file.
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

    /// Returns what there is to say about the log as a whole.
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
        let mut layouts = [0_u64; Layout::NAMED.len()];
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
            let named = Layout::NAMED.iter().position(|named| *named == read.layout);
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
        let found: Vec<(Layout, u64)> = std::iter::zip(Layout::NAMED, layouts)
            .filter(|(_, count)| *count > 0)
            .collect();
        self.format = match (&options.format, found.as_slice()) {
            (Some(format), _) => {
                // A directive of several lines is told in one.
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

    /// Takes the requests of one host over from a HAR file.
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
        // The times of browsers have fractions, also where all of them are zero.
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
        if self.entries.len() == MOST_REQUESTS {
            return Err(full("10 million requests"));
        }
        if self.targets.bytes() > MOST_TARGET_BYTES {
            return Err(full("256 MiB of different targets"));
        }
        if read.at_us % 1_000_000 != 0 {
            self.grain = Grain::Finer;
        }
        self.cut_short += u64::from(read.cut_short);
        let request = read.request.as_ref().and_then(|request| {
            let method = self.methods.intern_bounded(&request.method, MOST_METHODS)?;
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

/// Tells whether a file is called a HAR file, so that one that is none is told so.
fn is_named_har(origin: &str) -> bool {
    let name = origin.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".har")
}

/// Reads so many bytes ahead; returns them, and the source with them before it again.
fn beginning<R: BufRead>(
    source: &mut R,
    length: u64,
) -> std::io::Result<(Vec<u8>, impl BufRead + use<'_, R>)> {
    let mut start = Vec::new();
    source.by_ref().take(length).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(source)))
}
