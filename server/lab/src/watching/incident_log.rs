//! The log of incidents: a line for each alert that begins or ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Largest size of the log, in bytes. Later alerts are left out.
const BYTES_MAX: u64 = 16 << 20;

/// What Alertmanager sends to a webhook, version 4.
#[derive(Deserialize)]
struct Message {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: Status,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: Timestamp,
    #[serde(default)]
    ends_at: Option<Timestamp>,
    fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Firing,
    Resolved,
}

/// A line of the log.
#[derive(Serialize)]
struct Line<'a> {
    /// Beginning or end of the alert, in milliseconds since 1970 in UTC.
    at_unix_ms: i64,
    /// Time at which Alertmanager reported it.
    reported_unix_ms: i64,
    status: Status,
    alert: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    /// Distinguishes alerts with the same name.
    fingerprint: &'a str,
    summary: Option<&'a str>,
    runbook: Option<&'a str>,
}

/// A log of incidents, to which alerts are appended.
#[derive(Debug)]
pub struct IncidentLog {
    file: File,
    bytes: u64,
}

impl IncidentLog {
    /// Opens the log, and creates it if it is not there.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }

    /// Appends the alerts of a message of Alertmanager. Returns their number.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if it is no message of Alertmanager; other errors if the log can't be written.
    pub fn append(&mut self, message: &[u8]) -> io::Result<usize> {
        let message: Message = serde_json::from_slice(message)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_millis();
        let reported_unix_ms = i64::try_from(now).unwrap_or(i64::MAX);
        for alert in &message.alerts {
            let mut text = serde_json::to_string(&line(alert, reported_unix_ms))?;
            text.push('\n');
            let bytes = self.bytes.saturating_add(text.len() as u64);
            if bytes <= BYTES_MAX {
                self.file.write_all(text.as_bytes())?;
                self.bytes = bytes;
            }
        }
        Ok(message.alerts.len())
    }
}

fn line(alert: &Alert, reported_unix_ms: i64) -> Line<'_> {
    let at = match alert.status {
        Status::Firing => Some(alert.starts_at),
        Status::Resolved => alert.ends_at,
    };
    let labels = alert.labels.iter();
    let labels = labels.filter(|(name, _)| !matches!(name.as_str(), "alertname" | "severity"));
    Line {
        at_unix_ms: at.map_or(reported_unix_ms, Timestamp::as_millisecond),
        reported_unix_ms,
        status: alert.status,
        alert: alert.labels.get("alertname").map_or("", String::as_str),
        labels: labels
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect(),
        fingerprint: &alert.fingerprint,
        summary: alert.annotations.get("summary").map(String::as_str),
        runbook: alert.annotations.get("runbook").map(String::as_str),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MESSAGE: &str = r#"{"version":"4","groupKey":"{}:{alertname=\"ZoneLost\"}","status":"firing","alerts":[
        {"status":"firing","labels":{"alertname":"ZoneLost","severity":"page","zone":"a"},
         "annotations":{"summary":"no box of zone a is ready","runbook":"docs/runbooks/zone-lost.md"},
         "startsAt":"2026-11-30T08:00:01.5Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"c0ffee"},
        {"status":"resolved","labels":{"alertname":"QueueTooLong"},
         "startsAt":"2026-11-30T08:00:00Z","endsAt":"2026-11-30T08:00:09.25+00:00","fingerprint":"beef"}]}"#;

    #[test]
    fn appends_a_line_for_each_alert() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("incidents.jsonl");
        assert_eq!(
            IncidentLog::open(&path)
                .unwrap()
                .append(MESSAGE.as_bytes())
                .unwrap(),
            2
        );
        // Another receiver goes on with the same log.
        IncidentLog::open(&path)
            .unwrap()
            .append(MESSAGE.as_bytes())
            .unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0]["alert"], "ZoneLost");
        assert_eq!(lines[0]["labels"], serde_json::json!({"zone": "a"}));
        assert_eq!(lines[0]["at_unix_ms"], 1_796_025_601_500_i64);
        assert_eq!(lines[1]["status"], "resolved");
        assert_eq!(lines[1]["at_unix_ms"], 1_796_025_609_250_i64);
    }

    proptest! {
        #[test]
        fn refuses_any_other_message(text in ".{0,200}", cut in 0..MESSAGE.len()) {
            let directory = tempfile::tempdir().unwrap();
            let mut log = IncidentLog::open(&directory.path().join("log")).unwrap();
            for message in [&text, &MESSAGE[..cut]] {
                if let Err(error) = log.append(message.as_bytes()) {
                    prop_assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                }
            }
        }
    }
}
