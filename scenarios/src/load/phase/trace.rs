//! Requests of a recording.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::format::byte_order_mark::strip_first_line;
use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::nearest::suggestion;
use crate::format::regular_file;
use crate::request::targets::Targets;

/// Maximum number of requests in a recording.
const ENTRIES_MAX: usize = 10_000_000;
/// Maximum length of a line in bytes: a body of 1 MiB with all bytes escaped.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Requests of a recording, at their recorded intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The file, as written in the scenario.
    pub file: PathBuf,
    /// Speed relative to the recording.
    pub speed: f64,
    /// Recorded requests, in time order.
    pub(crate) entries: Arc<Vec<Entry>>,
    /// Index of the first entry among those of all traces.
    pub(crate) first: u64,
}

/// One recorded request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Entry {
    /// Time since the recording began, in nanoseconds.
    pub(crate) at_ns: u64,
    /// Index into the scenario's requests.
    pub(crate) request: u32,
}

/// Reads recordings, whose lines refer to requests by name.
#[derive(Debug)]
pub(crate) struct TraceReader<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) requests: HashMap<String, u32>,
    pub(crate) targets: Targets,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    at_ms: f64,
    #[serde(borrow)]
    request: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    target: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    body: Option<std::borrow::Cow<'a, str>>,
}

impl Trace {
    pub(super) fn read(
        fields: &mut Fields<'_>,
        traces: &mut TraceReader<'_>,
    ) -> Result<Self, ScenarioError> {
        let value = fields.required("file")?;
        let file = PathBuf::from(value.text()?);
        let speed = match fields.optional("speed") {
            None => 1.0,
            Some(value) => value.number(1e-6..=1e6)?,
        };
        let path = traces.folder.join(&file);
        let (opened, _) = regular_file::open(&path).map_err(|error| {
            value.error(format!(
                "could not read the trace {}: {error}",
                path.display()
            ))
        })?;
        let first = traces.targets.len() as u64;
        let entries = Arc::new(traces.entries(opened, &path)?);
        if entries.is_empty() {
            return Err(value.error(format!("the trace {} has no request", path.display())));
        }
        Ok(Self {
            file,
            speed,
            entries,
            first,
        })
    }

    /// Returns the duration of the whole recording at its speed: until just after its last request.
    pub fn length(&self) -> Duration {
        let last = self.entries.last().map_or(0, |entry| entry.at_ns);
        self.intended(last) + Duration::from_millis(1)
    }

    /// Returns the number of requests before a time, from the start of the phase.
    pub fn entries_before(&self, time: Duration) -> usize {
        self.entries
            .partition_point(|entry| self.intended(entry.at_ns) < time)
    }

    /// Returns the number of recorded requests, including those that are not sent.
    pub fn recorded(&self) -> usize {
        self.entries.len()
    }

    /// Returns the time to send a request recorded at `at_ns`, from the start of the phase.
    pub(crate) fn intended(&self, at_ns: u64) -> Duration {
        if self.speed == 1.0 {
            return Duration::from_nanos(at_ns);
        }
        Duration::from_nanos((at_ns as f64 / self.speed).round() as u64)
    }
}

impl TraceReader<'_> {
    fn entries(&mut self, source: impl Read, path: &Path) -> Result<Vec<Entry>, ScenarioError> {
        let mut reader = BufReader::with_capacity(256 * 1024, source);
        let mut entries: Vec<Entry> = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let wrong = |message: String| {
                let mut error = ScenarioError::whole(path, message);
                (error.line, error.column) = (number, 1);
                error.hint("write {\"at_ms\": 0, \"request\": \"GET\", \"target\": \"/\"}, one per line, in time order")
            };
            let read = reader
                .by_ref()
                .take(LINE_BYTES_MAX + 1)
                .read_until(b'\n', &mut line)
                .map_err(|error| wrong(format!("could not read the trace: {error}")))?;
            if read == 0 {
                break;
            }
            if read as u64 > LINE_BYTES_MAX {
                return Err(wrong("the line is longer than 8 MiB".to_owned()));
            }
            let line = strip_first_line(number as u64, &line);
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            if entries.len() == ENTRIES_MAX {
                return Err(wrong("a trace has at most 10 million requests".to_owned()));
            }
            let parsed: Line<'_> = serde_json::from_slice(line)
                .map_err(|error| wrong(format!("the line is not a recorded request: {error}")))?;
            // A year of milliseconds, so that later calculations don't overflow.
            if !(0.0..=3.2e10).contains(&parsed.at_ms) {
                return Err(wrong(format!(
                    "`at_ms` is {}, which is out of range",
                    parsed.at_ms
                )));
            }
            let at_ns = (parsed.at_ms * 1e6).round() as u64;
            if entries.last().is_some_and(|last| last.at_ns > at_ns) {
                return Err(wrong(
                    "the line is earlier than the line before it".to_owned(),
                ));
            }
            let Some(request) = self.requests.get(parsed.request.as_ref()) else {
                let known: Vec<&str> = self.requests.keys().map(String::as_str).collect();
                return Err(wrong(format!(
                    "the scenario has no request `{}`",
                    clip(&parsed.request)
                ))
                .maybe_hint(suggestion(&parsed.request, known.iter().copied())));
            };
            let request = *request;
            self.targets
                .push(&parsed.target, parsed.body.as_deref())
                .map_err(|message| wrong(format!("{message}: `{}`", clip(&parsed.target))))?;
            entries.push(Entry { at_ns, request });
        }
        Ok(entries)
    }
}
