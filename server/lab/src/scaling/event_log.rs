//! Log of what happened in a group, from the first figure to the first request of a new box: `scaling.jsonl`.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Name of the log in the lab's directory.
const NAME: &str = "scaling.jsonl";

/// Largest size of the log, in bytes. Later events are left out.
const BYTES_MAX: u64 = 16 << 20;

/// Something that happened in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// A metric or schedule asks for another number of boxes.
    Desired,
    /// The rules wish another number of boxes.
    Wish,
    /// A box was started.
    Start,
    /// A box is ready.
    Ready,
    /// The balancer knows the box.
    Admitted,
    /// The box got its first request.
    FirstRequest,
    /// The balancer sends the box no more requests.
    Drain,
    /// A drained box is needed again.
    Resume,
    /// The box took too long to drain, and its requests in flight were ended.
    CutOff,
    /// The box has no request in flight, and the balancer forgot it.
    Removed,
    /// The box has stopped.
    Stopped,
    /// The box failed.
    Failed,
}

/// A line of the log.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// Name of the group.
    pub(crate) group: &'a str,
    /// What happened.
    pub(crate) event: Event,
    /// The box that it happened to.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub(crate) box_name: Option<&'a str>,
    /// Number of boxes that are wished or desired, or of requests that were ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u32>,
    /// Reason, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Dated<'a> {
    /// Milliseconds since 1970 in UTC.
    at_unix_ms: u64,
    #[serde(flatten)]
    line: &'a Line<'a>,
}

/// Path of the log in a lab's directory.
pub fn log_path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Log of events. Begins anew with each lab.
#[derive(Debug)]
pub(crate) struct EventLog {
    file: File,
    bytes: u64,
}

impl EventLog {
    /// Creates the log in the lab's directory.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(log_path(directory))?;
        Ok(Self { file, bytes: 0 })
    }

    /// Appends an event. A disk that is full costs events, not the lab.
    pub(crate) fn append(&mut self, line: &Line<'_>) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let dated = Dated {
            at_unix_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            line,
        };
        let Ok(mut text) = serde_json::to_string(&dated) else {
            return;
        };
        text.push('\n');
        let bytes = self.bytes.saturating_add(text.len() as u64);
        if bytes <= BYTES_MAX && self.file.write_all(text.as_bytes()).is_ok() {
            self.bytes = bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_one_line_for_each_event() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = EventLog::create(directory.path()).unwrap();
        for event in [Event::Wish, Event::FirstRequest] {
            log.append(&Line {
                group: "app",
                event,
                box_name: Some("app-3"),
                count: None,
                reason: None,
            });
        }
        let text = std::fs::read_to_string(directory.path().join(NAME)).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["event"], "first_request");
        assert_eq!(lines[1]["box"], "app-3");
        assert!(lines[1]["at_unix_ms"].as_u64().unwrap() > 1_600_000_000_000);
    }
}
