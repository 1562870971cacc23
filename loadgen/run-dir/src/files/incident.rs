//! `incidents.json`: alerts that fired during a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scaling::since_start_ns;

/// An alert that fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Name of the alert.
    pub alert: String,
    /// Labels that tell it from others with the same name.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Description in a sentence. `None` if the alert has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Path of its runbook in the documentation. `None` if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Time at which it began to fire, in nanoseconds since the start of the run. Negative if that was before.
    pub fired_ns: i64,
    /// Time at which it ended. `None` if it still fired at the end of the run.
    pub resolved_ns: Option<i64>,
}

/// A line of a lab's `incidents.jsonl`.
#[derive(Deserialize)]
struct Line {
    at_unix_ms: i64,
    status: Status,
    alert: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    fingerprint: String,
    summary: Option<String>,
    runbook: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Firing,
    Resolved,
}

impl Incident {
    /// Reads a lab's log, for a run that started at `start_unix_ms`. Alerts that ended before are left out, and lines that are
    /// not complete are ignored. In order of the beginning.
    pub fn of_log(log: &str, start_unix_ms: u64) -> Vec<Self> {
        let mut incidents = Vec::new();
        let mut open: BTreeMap<String, Incident> = BTreeMap::new();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        for line in lines {
            let line: Line = line;
            let at_ns = since_start_ns(line.at_unix_ms.max(0).unsigned_abs(), start_unix_ms);
            match line.status {
                // Alertmanager repeats an alert that goes on.
                Status::Firing => {
                    open.entry(line.fingerprint).or_insert(Self {
                        alert: line.alert,
                        labels: line.labels,
                        summary: line.summary,
                        runbook: line.runbook,
                        fired_ns: at_ns,
                        resolved_ns: None,
                    });
                }
                Status::Resolved => {
                    if let Some(mut incident) = open.remove(&line.fingerprint) {
                        incident.resolved_ns = Some(at_ns);
                        incidents.push(incident);
                    }
                }
            }
        }
        incidents.retain(|own: &Self| own.resolved_ns.is_some_and(|at| at >= 0));
        incidents.extend(open.into_values());
        incidents.sort_by_key(|own| own.fired_ns);
        incidents
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = r#"{"at_unix_ms":1000,"reported_unix_ms":2000,"status":"firing","alert":"QueueTooLong","labels":{"proxy":"app"},"fingerprint":"a","summary":"s","runbook":null}
{"at_unix_ms":1500,"reported_unix_ms":2000,"status":"resolved","alert":"QueueTooLong","labels":{},"fingerprint":"a","summary":null,"runbook":null}
{"at_unix_ms":4000,"reported_unix_ms":5000,"status":"firing","alert":"ZoneLost","labels":{"zone":"a"},"fingerprint":"b","summary":"s","runbook":"r"}
{"at_unix_ms":4000,"reported_unix_ms":9000,"status":"firing","alert":"ZoneLost","labels":{"zone":"a"},"fingerprint":"b","summary":"s","runbook":"r"}
{"at_unix_ms":2000,"reported_unix_ms":9000,"status":"firing","alert":"DiskAlmostFull","labels":{},"fingerprint":"c","summary":"s","runbook":"r"}
{"at_unix_ms":12000,"reported_unix_ms":13000,"status":"resolved","alert":"ZoneLost","labels":{"zone":"a"},"fingerprint":"b","summary":"s","runbook":"r"}
"#;

    #[test]
    fn pairs_beginning_and_end() {
        let incidents = Incident::of_log(LOG, 3_000);
        let shown: Vec<_> = incidents
            .iter()
            .map(|own| (own.alert.as_str(), own.fired_ns, own.resolved_ns))
            .collect();
        let expected = [
            ("DiskAlmostFull", -1_000_000_000, None),
            ("ZoneLost", 1_000_000_000, Some(9_000_000_000)),
        ];
        assert_eq!(shown, expected);
        assert_eq!(incidents[1].labels["zone"], "a");
    }

    proptest! {
        #[test]
        fn reads_any_log(text in ".{0,200}", cut in 0..LOG.len(), start in any::<u64>()) {
            prop_assert!(Incident::of_log(&text, start).len() <= 1);
            prop_assert!(Incident::of_log(&LOG[..cut], start).len() <= 3);
        }
    }
}
