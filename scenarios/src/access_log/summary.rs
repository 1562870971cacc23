//! What there is to say about a log as a whole.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use super::http_archive::listed;
use super::{AccessLog, BrokenLine, HttpArchive};
use crate::Kind;

/// What there is to say about a log as a whole.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LogSummary {
    /// What the log is called.
    pub origin: String,
    /// The layout of its lines.
    pub format: String,
    /// Whether that was found out rather than given.
    pub detected: bool,
    /// How many lines it has, broken ones and headers among them; entries of a HAR file.
    pub lines: u64,
    /// How many lines are headers, which hold no request.
    pub headers: u64,
    /// How many lines could not be read.
    pub broken: u64,
    /// The first few of those.
    pub first_broken: Vec<BrokenLine>,
    /// How many lines were read although they end early, within a field of no use here.
    pub cut_short: u64,
    /// How many lines are earlier than one before them.
    pub out_of_order: u64,
    /// How many lines tell of a connection on which no request came.
    pub without_request: u64,
    /// What looked like a secret in its targets and so was not kept, by its place and name, and how
    /// often; of a HAR file its archive tells.
    pub masked: Vec<(String, u64)>,
    /// What a HAR file tells beyond that.
    pub archive: Option<HttpArchive>,
    /// The requests by method, the most frequent first.
    pub methods: Vec<Share>,
    /// The lines by class of status (`2xx`), in that order; `none` where it is not told.
    pub statuses: Vec<Share>,
    /// The time of the first line.
    pub first: Timestamp,
    /// The time of the last line.
    pub last: Timestamp,
    /// The time between them, in seconds.
    pub span_s: f64,
    /// How many different targets there are.
    pub distinct_targets: u64,
    /// The ten targets that were asked for most, whatever the method.
    pub hottest: Vec<HotKey>,
    /// Requests that read: GET, HEAD, OPTIONS and TRACE.
    pub reads: u64,
    /// All other requests.
    pub writes: u64,
    /// The size of all responses, in bytes.
    pub bytes: u64,
}

/// How many, and which share of all.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Share {
    /// Of what.
    pub name: String,
    /// How many.
    pub count: u64,
    /// Their share of all, from 0 to 1.
    pub share: f64,
}

/// A target and how often it was asked for.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct HotKey {
    /// The target.
    pub target: String,
    /// How often it was asked for.
    pub count: u64,
    /// Its share of all requests, from 0 to 1.
    pub share: f64,
}

const HOTTEST: usize = 10;

/// Returns whether a method reads. The safe methods of RFC 9110 do, the others write.
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
        targets.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let hottest = targets.iter().take(HOTTEST).map(|(count, target)| HotKey {
            target: (*target).to_owned(),
            count: *count,
            share: share(*count, requests),
        });
        // Reading a log has made sure of both.
        let time = |at_us: i64| Timestamp::from_microsecond(at_us).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            origin: log.origin.clone(),
            format: log.format.clone(),
            detected: log.detected,
            lines: log.lines,
            headers: log.headers,
            broken: log.broken,
            first_broken: log.first_broken.clone(),
            cut_short: log.cut_short,
            out_of_order: log.out_of_order,
            without_request: log.without_request,
            masked: log.masked.clone(),
            archive: log.archive.clone(),
            methods,
            statuses: statuses.collect(),
            first: time(first),
            last: time(last),
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
            self.origin,
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
        let notes = [
            (self.headers, "headers or comments"),
            (self.out_of_order, "out of time order, sorted in"),
            (
                self.cut_short,
                "cut short behind all that is needed, read all the same",
            ),
            (self.without_request, "without a request"),
        ];
        for (count, what) in notes {
            if count > 0 {
                writeln!(out, "  {count} {what}")?;
            }
        }
        if !self.masked.is_empty() {
            writeln!(out, "  secrets not kept: {}", listed(&self.masked))?;
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
            crate::format_duration(span)
        )?;
        writeln!(out, "methods   {}", joined(&self.methods))?;
        writeln!(out, "statuses  {}", joined(&self.statuses))?;
        writeln!(out, "reads     {} to {} writes", self.reads, self.writes)?;
        writeln!(out, "bytes     {}", self.bytes)?;
        writeln!(
            out,
            "targets   {} different; the hottest:",
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
