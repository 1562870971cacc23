//! Summary of a log.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;
use tenfold_scenarios::Kind;

use super::AccessLog;
use super::clock_outlier::ClockOutlier;
use super::host_choice::HostChoice;
use super::log_reader::timestamp;
use crate::har::archive::{HttpArchive, listed};
use crate::input::broken_line::{BrokenLine, printable};

/// Summary of a log.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LogSummary {
    /// Name of the log.
    pub origin: String,
    /// Layout of its lines.
    pub format: String,
    /// True if the format was detected instead of given.
    pub detected: bool,
    /// Number of lines, including broken ones and headers; for a HAR file, of entries.
    pub lines: u64,
    /// Files and their number of lines; empty for a single file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<(String, u64)>,
    /// Number of header lines.
    pub headers: u64,
    /// Number of lines in JSON that are not about a request.
    pub messages: u64,
    /// Number of parts of lines that a container runtime split, without the last ones.
    pub parts: u64,
    /// Number of lines that could not be read.
    pub broken: u64,
    /// The first broken lines.
    pub first_broken: Vec<BrokenLine>,
    /// Number of lines that were read although they end within an unused field.
    pub cut_short: u64,
    /// Number of lines that are earlier than a line before them.
    pub out_of_order: u64,
    /// Number of lines left out because their time is far from that of all others.
    pub clock_outliers: u64,
    /// The first of them.
    pub first_clock_outliers: Vec<ClockOutlier>,
    /// Number of lines without a request that can be sent.
    pub without_request: u64,
    /// The same by reason.
    pub reasons_without_request: Vec<(&'static str, u64)>,
    /// Number of lines dated by their logged time minus the logged duration.
    pub dated_by_duration: u64,
    /// Host whose requests are used; `None` if the log does not name hosts, and for HAR files.
    pub host: Option<HostChoice>,
    /// Secrets masked in targets, as location and name with a count. For a HAR file see
    /// [`HttpArchive::masked`].
    pub masked: Vec<(String, u64)>,
    /// Further counts of a HAR file; `None` for other logs.
    pub archive: Option<HttpArchive>,
    /// Requests by method, the most frequent first.
    pub methods: Vec<Share>,
    /// Lines by class of status (`2xx`), in that order; `none` if not logged.
    pub statuses: Vec<Share>,
    /// Time of the first line.
    pub first: Timestamp,
    /// Time of the last line.
    pub last: Timestamp,
    /// Time between them, in seconds.
    pub span_s: f64,
    /// Number of different targets.
    pub distinct_targets: u64,
    /// The ten most requested targets, with any method.
    pub hottest: Vec<HotKey>,
    /// Number of reads: GET, HEAD, OPTIONS and TRACE.
    pub reads: u64,
    /// Number of all other requests.
    pub writes: u64,
    /// Total size of the responses in bytes.
    pub bytes: u64,
}

/// A count and its share of the total.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Share {
    /// Name of the item.
    pub name: String,
    /// Number of occurrences.
    pub count: u64,
    /// Share of the total, from 0 to 1.
    pub share: f64,
}

/// A target and its number of requests.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct HotKey {
    /// The target.
    pub target: String,
    /// Number of requests.
    pub count: u64,
    /// Share of all requests, from 0 to 1.
    pub share: f64,
}

const HOTTEST: usize = 10;

/// Returns the kind of a method: the safe methods of RFC 9110 read, others write.
pub(crate) fn kind_of(method: &str) -> Kind {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" => Kind::Read,
        _ => Kind::Write,
    }
}

impl LogSummary {
    pub(super) fn of(log: &AccessLog) -> Self {
        let mut methods: HashMap<&str, u64> = HashMap::new();
        let mut classes = [0_u64; 10];
        let mut targets: Vec<(u64, &str)> = vec![(0, ""); log.distinct_targets()];
        let (mut requests, mut reads, mut bytes) = (0_u64, 0_u64, 0_u64);
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for record in log.records() {
            first = first.min(record.at_us);
            last = last.max(record.at_us);
            bytes = bytes.saturating_add(record.bytes);
            classes[usize::from(record.status.unwrap_or(0) / 100).min(9)] += 1;
            let Some(request) = record.request else {
                continue;
            };
            requests += 1;
            reads += u64::from(kind_of(request.method) == Kind::Read);
            *methods.entry(request.method).or_default() += 1;
            let target = &mut targets[request.target_id];
            *target = (target.0 + 1, request.target);
        }
        let share = |count: u64, of: u64| {
            if of == 0 {
                0.0
            } else {
                count as f64 / of as f64
            }
        };
        let mut methods: Vec<Share> = methods
            .into_iter()
            .map(|(name, count)| Share {
                name: name.to_owned(),
                count,
                share: share(count, requests),
            })
            .collect();
        methods.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        let read = log.records().len() as u64;
        let statuses = (1..10)
            .chain([0])
            .filter(|class| classes[*class] > 0)
            .map(|class| Share {
                name: if class == 0 {
                    "none".to_owned()
                } else {
                    format!("{class}xx")
                },
                count: classes[class],
                share: share(classes[class], read),
            });
        // The others are of other hosts, or of lines that are left out.
        targets.retain(|(count, _)| *count > 0);
        targets.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let hottest = targets.iter().take(HOTTEST).map(|(count, target)| HotKey {
            target: (*target).to_owned(),
            count: *count,
            share: share(*count, requests),
        });
        let (first, last) = (first.min(last), last);
        Self {
            origin: log.origin.clone(),
            format: log.format.clone(),
            detected: log.detected,
            lines: log.lines,
            files: log.files.clone(),
            headers: log.headers,
            messages: log.messages,
            parts: log.parts,
            broken: log.broken,
            first_broken: log.first_broken.clone(),
            cut_short: log.cut_short,
            out_of_order: log.out_of_order,
            clock_outliers: log.clock_outliers,
            first_clock_outliers: log.first_clock_outliers.clone(),
            without_request: log.without_request,
            reasons_without_request: log.reasons_without_request.clone(),
            dated_by_duration: log.dated_by_duration,
            host: log.host.clone(),
            masked: log.masked.clone(),
            archive: log.archive.clone(),
            methods,
            statuses: statuses.collect(),
            first: timestamp(first),
            last: timestamp(last),
            span_s: last.saturating_sub(first) as f64 / 1e6,
            distinct_targets: targets.len() as u64,
            hottest: hottest.collect(),
            reads,
            writes: requests - reads,
            bytes,
        }
    }
}

impl fmt::Display for LogSummary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{}: {} {}, {} broken ({}{})",
            printable(&self.origin),
            self.lines,
            match self.archive {
                Some(_) => "entries",
                None => "lines",
            },
            self.broken,
            self.format,
            match self.detected {
                true => ", detected",
                false => "",
            },
        )?;
        for broken in &self.first_broken {
            match self.archive {
                Some(_) => writeln!(out, "  {}", broken.as_entry())?,
                None => writeln!(out, "  {broken}")?,
            }
        }
        let unquoted = self.broken.saturating_sub(self.first_broken.len() as u64);
        if unquoted > 0 && !self.first_broken.is_empty() {
            writeln!(out, "  and {unquoted} more")?;
        }
        for (file, lines) in &self.files {
            writeln!(out, "  {}: {lines}", printable(file))?;
        }
        let notes = [
            (self.headers, "headers or comments"),
            (self.messages, "messages in JSON that are not requests"),
            (self.parts, "parts of longer lines, joined"),
            (self.out_of_order, "out of time order, sorted"),
            (
                self.cut_short,
                "cut short after the last field that is needed, read anyway",
            ),
            (
                self.dated_by_duration,
                "dated by their start: the logged time of the end minus the duration",
            ),
            (
                self.clock_outliers,
                "with a time far from that of all others, left out:",
            ),
        ];
        for (count, what) in notes {
            if count > 0 {
                writeln!(out, "  {count} {what}")?;
            }
        }
        for outlier in &self.first_clock_outliers {
            writeln!(out, "    {outlier}")?;
        }
        for (reason, count) in &self.reasons_without_request {
            writeln!(out, "  {count} without a request: {reason}")?;
        }
        if !self.masked.is_empty() {
            writeln!(out, "  masked secrets: {}", listed(&self.masked))?;
        }
        if let Some(host) = &self.host {
            write!(out, "{host}")?;
        }
        if let Some(archive) = &self.archive {
            write!(out, "{archive}")?;
        }
        let span = std::time::Duration::from_secs(self.span_s.max(0.0) as u64);
        writeln!(
            out,
            "time      {} to {} ({})",
            self.first,
            self.last,
            tenfold_scenarios::format_duration(span)
        )?;
        writeln!(out, "methods   {}", joined(&self.methods))?;
        writeln!(out, "statuses  {}", joined(&self.statuses))?;
        writeln!(out, "reads     {} to {} writes", self.reads, self.writes)?;
        writeln!(out, "bytes     {}", self.bytes)?;
        writeln!(
            out,
            "targets   {} different; most requested:",
            self.distinct_targets
        )?;
        for hot in &self.hottest {
            writeln!(
                out,
                "  {:>8} {:>6.2}%  {}",
                hot.count,
                hot.share * 100.0,
                shown(&hot.target)
            )?;
        }
        Ok(())
    }
}

fn joined(shares: &[Share]) -> String {
    let shares = shares
        .iter()
        .map(|share| format!("{} {}", share.name, share.count));
    shares.collect::<Vec<_>>().join(", ")
}

fn shown(target: &str) -> String {
    match target.char_indices().nth(100) {
        None => target.to_owned(),
        Some((at, _)) => format!("{}...", &target[..at]),
    }
}
