//! Access logs of web servers and HAR files, read into requests.

use std::io::BufRead;
use std::path::Path;

pub(crate) mod clock_outlier;
mod entry;
pub(crate) mod host_choice;
mod line_reader;
pub(crate) mod log_reader;
mod summary;

pub(crate) use summary::kind_of;
pub use summary::{HotKey, LogSummary, Share};

use crate::format::log_time::Grain;
use crate::har::archive::HttpArchive;
use crate::input::ReadOptions;
use crate::input::broken_line::BrokenLine;
use crate::input::interner::Interner;
use crate::input::log_error::LogError;
use clock_outlier::ClockOutlier;
use entry::{Entry, NONE, Sent};
use host_choice::HostChoice;
use log_reader::LogReader;

/// Requests of an access log in time order, and counts of lines that could not be used.
#[derive(Debug, Clone)]
pub struct AccessLog {
    /// Name of the log in messages: its file names without the folders.
    pub origin: String,
    /// Layout of its lines: a name, or the format as given.
    pub format: String,
    /// True if the format was detected instead of given.
    pub detected: bool,
    /// Files and their number of lines, in the order of their first request. Empty for a single file.
    pub files: Vec<(String, u64)>,
    /// Number of lines, including broken ones and headers; for a HAR file, of entries.
    pub lines: u64,
    /// Number of header lines, which begin with `#` and hold no request.
    pub headers: u64,
    /// Number of lines in JSON that are not about a request.
    pub messages: u64,
    /// Number of parts of lines that a container runtime split, without the last ones.
    pub parts: u64,
    /// Number of lines that could not be read.
    pub broken: u64,
    /// The first broken lines, at most [`ReadOptions::broken_kept`].
    pub first_broken: Vec<BrokenLine>,
    /// Number of lines that were read although they end within an unused field, such as the user agent.
    pub cut_short: u64,
    /// Number of lines that are earlier than a line before them in their file. They are sorted into place.
    pub out_of_order: u64,
    /// Number of lines left out because their time is far from that of all others.
    pub clock_outliers: u64,
    /// The first of them, at most [`ReadOptions::broken_kept`].
    pub first_clock_outliers: Vec<ClockOutlier>,
    /// Number of lines without a request that can be sent, such as `"-"`, CONNECT, or bytes that are not HTTP. They
    /// have a time and a status, but no method and no target.
    pub without_request: u64,
    /// The same by reason; reasons without a line are absent.
    pub reasons_without_request: Vec<(&'static str, u64)>,
    /// Number of lines that are dated by the logged time of their end minus the logged duration.
    pub dated_by_duration: u64,
    /// True if the log's whole seconds were made finer: the lines of each second are spread evenly over it.
    pub spread: bool,
    /// Host whose requests are used; `None` if the log does not name hosts, and for HAR files (see
    /// [`HttpArchive::host`]).
    pub host: Option<HostChoice>,
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
    hosts: Interner,
    /// One per entry of a HAR file; empty for other logs.
    sent: Vec<Sent>,
    header_sets: Vec<Vec<(String, String)>>,
    bodies: Interner,
}

/// One line of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Time at which the request arrived, in microseconds since 1970 (UTC).
    pub at_us: i64,
    /// Method and target; `None` without a request that can be sent.
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
    /// Target in origin form. Bytes that a target must not contain are percent-encoded.
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

impl AccessLog {
    /// Reads a file, plain or gzipped, regardless of its extension.
    ///
    /// # Errors
    /// Fails if the file can't be read, has no readable line, or has more than 10 million lines or 256
    /// MiB of different targets.
    pub fn read(path: &Path, options: &ReadOptions) -> Result<Self, LogError> {
        let mut reader = LogReader::new(options);
        reader.add_file(path)?;
        reader.finish()
    }

    /// Reads lines from a source in one pass. Detects gzip by its first two bytes.
    ///
    /// `origin` is the name used in messages.
    ///
    /// # Errors
    /// As [`AccessLog::read`].
    pub fn read_from(
        source: impl BufRead,
        origin: &str,
        options: &ReadOptions,
    ) -> Result<Self, LogError> {
        let mut reader = LogReader::new(options);
        reader.add(source, origin)?;
        reader.finish()
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

    /// Returns the number of different targets, including those of other hosts.
    pub fn distinct_targets(&self) -> usize {
        self.targets.len()
    }

    /// Returns a summary of the log.
    pub fn summary(&self) -> LogSummary {
        LogSummary::of(self)
    }

    /// Returns the lines that are not sent, as reason and count.
    pub(crate) fn left_out(&self) -> Vec<(String, u64)> {
        let mut left_out = vec![("could not be read".to_owned(), self.broken)];
        let without_request = self.reasons_without_request.iter();
        left_out.extend(
            without_request
                .map(|(reason, count)| (format!("have no request to send: {reason}"), *count)),
        );
        left_out.push((
            "have a time far from that of all others".to_owned(),
            self.clock_outliers,
        ));
        left_out.push((
            "are requests to other hosts".to_owned(),
            self.host.as_ref().map_or(0, |host| host.of_others),
        ));
        left_out.retain(|(_, count)| *count > 0);
        left_out
    }

    fn empty() -> Self {
        Self {
            origin: String::new(),
            format: String::new(),
            detected: false,
            files: Vec::new(),
            lines: 0,
            headers: 0,
            messages: 0,
            parts: 0,
            broken: 0,
            first_broken: Vec::new(),
            cut_short: 0,
            out_of_order: 0,
            clock_outliers: 0,
            first_clock_outliers: Vec::new(),
            without_request: 0,
            reasons_without_request: Vec::new(),
            dated_by_duration: 0,
            spread: false,
            host: None,
            grain: Grain::Second,
            masked: Vec::new(),
            archive: None,
            entries: Vec::new(),
            methods: Interner::default(),
            targets: Interner::default(),
            hosts: Interner::default(),
            sent: Vec::new(),
            header_sets: Vec::new(),
            bodies: Interner::default(),
        }
    }
}
