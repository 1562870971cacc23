//! Access logs of web servers, read into requests.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

mod broken_line;
mod directive;
mod error;
mod field;
mod format;
mod interner;
mod line_reader;
mod log_time;
mod read_line;
mod request_line;
mod summary;

pub use broken_line::BrokenLine;
pub use error::{FormatError, LogError};
pub use format::Format;
pub use log_time::Grain;
pub use summary::{HotKey, LogSummary, Share};

use interner::Interner;
use line_reader::{LineReader, Next};
use read_line::{Layout, ReadLine};
pub(crate) use summary::kind_of;

/// The requests of an access log in time order, and what could not be read of it.
#[derive(Debug, Clone)]
pub struct AccessLog {
    /// What the log is called: its file's name, without the folder.
    pub origin: String,
    /// The layout of its lines, in a word or as given.
    pub format: String,
    /// How many lines it has, broken ones among them.
    pub lines: u64,
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
    entries: Vec<Entry>,
    methods: Interner,
    targets: Interner,
}

/// How to read a log.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The layout of the lines; without one Common and Combined are told apart line by line.
    pub format: Option<Format>,
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

const NONE: u32 = u32::MAX;
/// As many as a trace phase may have. Larger logs are split first; 10 million take some 400 MB.
const MOST_REQUESTS: usize = 10_000_000;
const MOST_TARGET_BYTES: usize = 256 * 1024 * 1024;
/// HTTP has some 40 registered methods; what a scanner makes up beyond this is no request.
const MOST_METHODS: usize = 200;

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            format: None,
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
        let mut magic = Vec::with_capacity(2);
        source
            .by_ref()
            .take(2)
            .read_to_end(&mut magic)
            .map_err(failed)?;
        let gzipped = magic == [0x1f, 0x8b];
        let whole = Cursor::new(magic).chain(source);
        let mut log = Self::empty(origin);
        match gzipped {
            true => log.fill(BufReader::new(MultiGzDecoder::new(whole)), options)?,
            false => log.fill(whole, options)?,
        }
        Ok(log)
    }

    /// Returns the lines in time order; lines of one time stay in the order of the file.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record<'_>> + Clone {
        self.entries.iter().map(|entry| Record {
            at_us: entry.at_us,
            request: (entry.target != NONE).then(|| RecordedRequest {
                method: self.methods.get(u32::from(entry.method)),
                target: self.targets.get(entry.target),
                target_id: entry.target as usize,
            }),
            status: (entry.status != 0).then_some(entry.status),
            bytes: entry.bytes,
        })
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
            lines: 0,
            broken: 0,
            first_broken: Vec::new(),
            cut_short: 0,
            out_of_order: 0,
            without_request: 0,
            grain: Grain::Second,
            entries: Vec::new(),
            methods: Interner::default(),
            targets: Interner::default(),
        }
    }

    fn fill(&mut self, source: impl BufRead, options: &ReadOptions) -> Result<(), LogError> {
        let mut reader = LineReader::new(source);
        let mut latest = i64::MIN;
        let (mut common, mut combined) = (0_u64, 0_u64);
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
                    match &options.format {
                        Some(format) => (line, format.read(line)),
                        None => (line, Format::read_either(line)),
                    }
                }
                Next::TooLong(start) => {
                    self.lines += 1;
                    (start, Err(line_reader::too_long()))
                }
            };
            let read = match read {
                Ok(read) => read,
                Err(reason) => {
                    self.broken += 1;
                    if self.first_broken.len() < options.broken_kept {
                        self.first_broken
                            .push(BrokenLine::new(self.lines, reason, line));
                    }
                    continue;
                }
            };
            match read.layout {
                Layout::Common => common += 1,
                Layout::Combined => combined += 1,
                Layout::Custom => {}
            }
            self.out_of_order += u64::from(read.at_us < latest);
            latest = latest.max(read.at_us);
            self.add(&read)?;
        }
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
        self.format = match (&options.format, common, combined) {
            (Some(format), ..) => format.text().to_owned(),
            (None, _, 0) => "common".to_owned(),
            (None, 0, _) => "combined".to_owned(),
            (None, common, combined) => format!("common ({common}) and combined ({combined})"),
        };
        if self.out_of_order > 0 {
            self.entries.sort_by_key(|entry| entry.at_us);
        }
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
