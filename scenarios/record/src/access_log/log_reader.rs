//! Reading of one or several files into a log.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;

use super::AccessLog;
use super::clock_outlier::{ClockOutlier, outlying};
use super::entry::{Entry, HOSTS_MAX, NONE, OTHER_HOSTS, Sent};
use super::host_choice::choose;
use super::line_reader::{self, LineReader, Next};
use crate::format::log_time::Grain;
use crate::format::not_sent::NotSent;
use crate::format::read_line::{Layout, ReadLine};
use crate::format::{Lines, Read};
use crate::har;
use crate::har::selection::Selection;
use crate::input::broken_line::BrokenLine;
use crate::input::log_error::LogError;
use crate::input::name_tally::NameTally;
use crate::input::source::Source;
use crate::input::{REQUESTS_MAX, ReadOptions};

/// Reads one or several files into a log, in the order of time.
pub struct LogReader<'o> {
    options: &'o ReadOptions,
    log: AccessLog,
    files: Vec<LogFile>,
    /// Devices and inodes of the files.
    inodes: Vec<(u64, u64)>,
    /// Requests of HAR files.
    selection: Option<Selection>,
    layouts: [u64; Layout::DETECTED.len()],
    without_request: [u64; NotSent::ALL.len()],
    masked: NameTally,
    /// A message in JSON that is not about a request, to explain a log without requests.
    first_message: Option<BrokenLine>,
    /// False if the start of a file without a readable line is not text.
    is_text: bool,
}

/// One file of a log.
struct LogFile {
    origin: String,
    lines: u64,
    /// Index of its first entry.
    first: usize,
    is_har: bool,
}

const TARGET_BYTES_MAX: usize = 256 * 1024 * 1024;
/// HTTP has about 40 registered methods; scanners invent more.
const METHODS_MAX: usize = 200;
/// Status of a response that switches to another protocol.
const SWITCHING_PROTOCOLS: u16 = 101;
/// Number of file names in the name of a log.
const ORIGINS_SHOWN: usize = 3;

impl<'o> LogReader<'o> {
    /// Starts a log.
    pub fn new(options: &'o ReadOptions) -> Self {
        Self {
            options,
            log: AccessLog::empty(),
            files: Vec::new(),
            inodes: Vec::new(),
            selection: None,
            layouts: [0; Layout::DETECTED.len()],
            without_request: [0; NotSent::ALL.len()],
            masked: NameTally::default(),
            first_message: None,
            is_text: true,
        }
    }

    /// Adds a file, plain or gzipped, regardless of its extension.
    ///
    /// # Errors
    /// Fails if the file can't be read, was added before, or exceeds the limits of a log.
    pub fn add_file(&mut self, path: &Path) -> Result<(), LogError> {
        let failed = |source| LogError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let inode = (metadata.dev(), metadata.ino());
        let name = path.file_name().unwrap_or(path.as_os_str());
        let name = name.to_string_lossy();
        if metadata.is_file() && self.inodes.contains(&inode) {
            return Err(LogError::Twice {
                origin: name.into_owned(),
            });
        }
        self.inodes.push(inode);
        self.add(BufReader::with_capacity(256 * 1024, file), &name)
    }

    /// Adds a source, which is read in one pass. `origin` is its name in messages.
    ///
    /// # Errors
    /// As [`LogReader::add_file`].
    pub fn add(&mut self, source: impl BufRead, origin: &str) -> Result<(), LogError> {
        let Source { start, whole } = Source::open(source, origin)?;
        let is_har = match &self.options.format {
            Some(format) => format.is_har(),
            None => har::is_har(&start) || is_named_har(origin),
        };
        if let Some(other) = self.files.iter().find(|file| file.is_har != is_har) {
            let (har, log) = match is_har {
                true => (origin, other.origin.as_str()),
                false => (other.origin.as_str(), origin),
            };
            return Err(LogError::Mixed {
                har: har.to_owned(),
                log: log.to_owned(),
            });
        }
        self.files.push(LogFile {
            origin: origin.to_owned(),
            lines: 0,
            first: self.log.entries.len(),
            is_har,
        });
        match is_har {
            true => {
                let selection = self
                    .selection
                    .get_or_insert_with(|| Selection::new(self.options));
                har::read(selection, whole, origin)
            }
            false => self.add_lines(whole, origin, &start),
        }
    }

    fn add_lines(
        &mut self,
        source: impl BufRead,
        origin: &str,
        start: &[u8],
    ) -> Result<(), LogError> {
        let mut reader = LineReader::new(source);
        let mut lines = Lines::new(self.options.format.as_ref());
        let mut latest = i64::MIN;
        let mut number = 0_u64;
        let entries_before = self.log.entries.len();
        loop {
            let next = reader.next_line().map_err(|source| LogError::Read {
                origin: origin.to_owned(),
                line: number + 1,
                source,
            })?;
            let (line, read) = match next {
                Next::End => break,
                Next::Line(line) => (line, lines.read(line)),
                Next::TooLong(start) => (start, Err(line_reader::too_long())),
            };
            number += 1;
            let quoted = |reason| BrokenLine {
                file: Some(origin.to_owned()),
                ..BrokenLine::new(number, reason, line)
            };
            match read {
                Ok(Read::Line(read)) => {
                    self.log.out_of_order += u64::from(read.at_us < latest);
                    latest = latest.max(read.at_us);
                    let named = Layout::DETECTED
                        .iter()
                        .position(|named| *named == read.layout);
                    if let Some(named) = named {
                        self.layouts[named] += 1;
                    }
                    self.add_line(&read, number, origin)?;
                    if let Ok(request) = read.request {
                        self.masked.count_all(request.masked);
                    }
                }
                Ok(Read::Header) => self.log.headers += 1,
                Ok(Read::Part) => self.log.parts += 1,
                Ok(Read::Message(reason)) => {
                    self.log.messages += 1;
                    self.first_message.get_or_insert_with(|| quoted(reason));
                }
                Err(reason) => {
                    self.log.broken += 1;
                    if self.log.first_broken.len() < self.options.broken_kept {
                        self.log.first_broken.push(quoted(reason));
                    }
                }
            }
        }
        self.log.lines += number;
        if let Some(file) = self.files.last_mut() {
            file.lines = number;
        }
        if self.log.entries.len() == entries_before {
            self.is_text &= is_text(start);
        }
        Ok(())
    }

    fn add_line(&mut self, read: &ReadLine, line: u64, origin: &str) -> Result<(), LogError> {
        let log = &mut self.log;
        let full = |what: &'static str| LogError::TooLarge {
            origin: origin.to_owned(),
            line,
            what,
        };
        if log.entries.len() == REQUESTS_MAX {
            return Err(full("10 million requests"));
        }
        if log.targets.bytes() > TARGET_BYTES_MAX {
            return Err(full("256 MiB of different targets"));
        }
        if read.at_us % 1_000_000 != 0 {
            log.grain = Grain::Finer;
        }
        log.cut_short += u64::from(read.cut_short);
        let request = match &read.request {
            Ok(_) if read.status == Some(SWITCHING_PROTOCOLS) => Err(NotSent::Upgrade),
            Ok(request) => match log.methods.intern_bounded(&request.method, METHODS_MAX) {
                None => Err(NotSent::TooManyMethods),
                // At most `METHODS_MAX`.
                Some(method) => Ok((method as u16, log.targets.intern(&request.target))),
            },
            Err(reason) => Err(*reason),
        };
        let (method, target) = request.unwrap_or_else(|reason| {
            log.without_request += 1;
            self.without_request[reason as usize] += 1;
            (0, NONE)
        });
        let host = read.host.as_ref().filter(|_| target != NONE).map(|host| {
            let id = log.hosts.intern_bounded(host, HOSTS_MAX);
            id.map_or(OTHER_HOSTS, |id| id as u16)
        });
        log.entries.push(Entry {
            at_us: read.at_us,
            bytes: read.bytes,
            took_us: read.took_us.unwrap_or(0),
            target,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            host,
            method,
            status: read.status.unwrap_or(0),
        });
        log.dated_by_duration += u64::from(read.took_us.is_some());
        Ok(())
    }

    /// Completes the log: chooses the host, leaves out lines with a wrong clock, and sorts the rest by time.
    ///
    /// # Errors
    /// Fails if there is no readable line, or none for the given host.
    pub fn finish(mut self) -> Result<AccessLog, LogError> {
        self.log.origin = self.origin();
        self.log.detected = self.options.format.is_none();
        match self.selection.take() {
            Some(selection) => self.finish_har(selection)?,
            None => self.finish_lines()?,
        }
        let mut log = self.log;
        log.masked = self.masked.ranked();
        log.reasons_without_request = NotSent::ALL
            .into_iter()
            .map(|reason| (reason.text(), self.without_request[reason as usize]))
            .filter(|(_, count)| *count > 0)
            .collect();
        if let [_] = self.files.as_slice() {
            let broken = log.first_broken.iter_mut().map(|line| &mut line.file);
            let outliers = log
                .first_clock_outliers
                .iter_mut()
                .map(|line| &mut line.file);
            broken.chain(outliers).for_each(|file| *file = None);
        } else {
            let files = self.files.into_iter();
            log.files = files.map(|file| (file.origin, file.lines)).collect();
        }
        Ok(log)
    }

    fn origin(&self) -> String {
        let names: Vec<&str> = self.files.iter().map(|file| file.origin.as_str()).collect();
        match names.as_slice() {
            [] => "no file".to_owned(),
            [name] => (*name).to_owned(),
            [names @ .., last] if names.len() < ORIGINS_SHOWN => {
                format!("{} and {last}", names.join(", "))
            }
            [first, more @ ..] => format!("{first} and {} more files", more.len()),
        }
    }

    fn finish_lines(&mut self) -> Result<(), LogError> {
        let log = &mut self.log;
        if log.lines == 0 {
            return Err(LogError::Empty {
                origin: log.origin.clone(),
            });
        }
        if log.entries.is_empty() {
            return Err(match self.is_text {
                false => LogError::NotText {
                    origin: log.origin.clone(),
                },
                true => {
                    let first = log.first_broken.first().or(self.first_message.as_ref());
                    LogError::AllBroken {
                        origin: log.origin.clone(),
                        lines: log.lines,
                        first: first.map_or("no line has a request".to_owned(), |first| {
                            let mut first = first.clone();
                            first.file = first.file.filter(|_| self.files.len() > 1);
                            first.to_string()
                        }),
                    }
                }
            });
        }
        let found: Vec<(Layout, u64)> = std::iter::zip(Layout::DETECTED, self.layouts)
            .filter(|(_, count)| *count > 0)
            .collect();
        log.format = match (&self.options.format, found.as_slice()) {
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
        self.leave_out_outliers();
        self.order_files();
        self.log.host = choose(&mut self.log, self.options.host.as_deref())?;
        self.date_by_duration();
        self.log.entries.sort_by_key(|entry| entry.at_us);
        Ok(())
    }

    /// Leaves out lines whose time is far from that of all others.
    fn leave_out_outliers(&mut self) {
        let log = &mut self.log;
        let ranges = outlying(log.entries.iter().map(|entry| entry.at_us));
        if ranges.is_empty() {
            return;
        }
        let is_outlier = |entry: &Entry| ranges.iter().any(|range| range.contains(&entry.at_us));
        let mut kept = Vec::with_capacity(log.entries.len());
        let ends = self.files.iter().skip(1).map(|file| file.first);
        let ends: Vec<usize> = ends.chain([log.entries.len()]).collect();
        for (file, end) in self.files.iter_mut().zip(ends) {
            let entries = file.first..end;
            file.first = kept.len();
            for entry in &log.entries[entries] {
                if !is_outlier(entry) {
                    kept.push(*entry);
                    continue;
                }
                log.clock_outliers += 1;
                if log.first_clock_outliers.len() < self.options.broken_kept {
                    log.first_clock_outliers.push(ClockOutlier {
                        file: Some(file.origin.clone()),
                        line: u64::from(entry.line),
                        at: timestamp(entry.at_us),
                    });
                }
            }
        }
        log.entries = kept;
    }

    /// Orders files by their first request, so that lines with equal times keep the order in which they were written.
    fn order_files(&mut self) {
        if self.files.len() < 2 {
            return;
        }
        let entries = std::mem::take(&mut self.log.entries);
        let ends = self.files.iter().skip(1).map(|file| file.first);
        let ends: Vec<usize> = ends.chain([entries.len()]).collect();
        let files = std::mem::take(&mut self.files);
        let mut blocks: Vec<(LogFile, &[Entry])> = files
            .into_iter()
            .zip(ends)
            .map(|(file, end)| {
                let block = &entries[file.first..end];
                (file, block)
            })
            .collect();
        let start = |block: &[Entry]| block.iter().map(|entry| entry.at_us).min();
        // Files without a request come last.
        blocks.sort_by_key(|(_, block)| (block.is_empty(), start(block)));
        for (file, block) in blocks {
            self.log.entries.extend_from_slice(block);
            self.files.push(file);
        }
    }

    /// Moves lines from the end of their request to its start.
    ///
    /// If the log has whole seconds, the lines of each second are spread evenly over it first, in the log's order.
    fn date_by_duration(&mut self) {
        let log = &mut self.log;
        if log.dated_by_duration == 0 {
            return;
        }
        if log.grain == Grain::Second {
            log.entries.sort_by_key(|entry| entry.at_us);
            let seconds = log
                .entries
                .chunk_by_mut(|one, next| one.at_us == next.at_us);
            for second in seconds {
                let count = second.len() as i64;
                for (position, entry) in (0_i64..).zip(second) {
                    entry.at_us = entry.at_us.saturating_add(position * 1_000_000 / count);
                }
            }
            log.grain = Grain::Finer;
            log.spread = true;
        }
        for entry in &mut log.entries {
            entry.at_us = entry.at_us.saturating_sub_unsigned(entry.took_us);
            entry.took_us = 0;
        }
    }

    /// Takes over the requests of one host from HAR files.
    fn finish_har(&mut self, selection: Selection) -> Result<(), LogError> {
        let har = selection.finish(&self.log.origin, self.options)?;
        self.log.format = "har".to_owned();
        for (file, (_, entries)) in self.files.iter_mut().zip(&har.files) {
            file.lines = *entries;
        }
        let ranges = outlying(har.requests.iter().map(|request| request.line.at_us));
        let log_origin = self.log.origin.clone();
        for request in &har.requests {
            let at_us = request.line.at_us;
            if ranges.iter().any(|range| range.contains(&at_us)) {
                self.log.clock_outliers += 1;
                if self.log.first_clock_outliers.len() < self.options.broken_kept {
                    self.log.first_clock_outliers.push(ClockOutlier {
                        file: har
                            .files
                            .get(request.file)
                            .map(|(origin, _)| origin.clone()),
                        line: request.entry,
                        at: timestamp(at_us),
                    });
                }
                continue;
            }
            self.add_line(&request.line, request.entry, &log_origin)?;
            self.log.sent.push(Sent {
                headers: request.headers,
                body: request.body.unwrap_or(NONE),
            });
        }
        let log = &mut self.log;
        (log.lines, log.broken) = (har.entries, har.broken);
        log.out_of_order = har.out_of_order;
        log.first_broken = har.first_broken;
        // Browsers record fractions of a second, even if all of them are zero.
        log.grain = Grain::Finer;
        log.archive = Some(har.archive);
        (log.header_sets, log.bodies) = (har.header_sets, har.bodies);
        Ok(())
    }
}

/// Returns a time that was parsed. A separate fraction of a second may exceed the latest one.
pub(super) fn timestamp(at_us: i64) -> Timestamp {
    Timestamp::from_microsecond(at_us).unwrap_or(match at_us < 0 {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    })
}

/// Returns whether the name is that of a HAR file, so that an invalid one is reported as such.
fn is_named_har(origin: &str) -> bool {
    let name = origin.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".har")
}

/// Returns whether the start of a file is text, as far as its control characters show it. Zeros at its start are left by a
/// rotation that truncates a log while it is written.
fn is_text(start: &[u8]) -> bool {
    let zeros = start.iter().take_while(|byte| **byte == 0).count();
    let start = &start[zeros..];
    let is_control =
        |byte: &&u8| (**byte < b' ' && !b"\t\n\r\x1b".contains(byte)) || **byte == 0x7f;
    let control = start.iter().filter(is_control).count();
    control * 20 <= start.len()
}
