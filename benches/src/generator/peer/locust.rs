//! Locust, on Python, with its faster HTTP client.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use crate::generator::job::{Job, PATH};
use crate::generator::peer::report::{PeerReport, nanoseconds};
use crate::generator::peer::{Pace, Peer, Source, command};

/// Locust, on Python, with its faster HTTP client.
pub(super) struct Locust;

#[derive(Debug, Deserialize)]
struct Entry {
    num_failures: u64,
    /// Number of requests by response time in milliseconds.
    response_times: BTreeMap<String, u64>,
}

impl Peer for Locust {
    fn name(&self) -> &'static str {
        "locust"
    }

    fn pace(&self) -> Pace {
        Pace::Throttled
    }

    fn source(&self) -> Source {
        Source::PyPi("locust")
    }

    fn note(&self) -> &'static str {
        "FastHttpUser with constant_throughput, one process; its percentiles are rounded to \
         milliseconds"
    }

    fn lead(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let file = job.folder.join("locustfile.py");
        let rate = job.rate_of_each();
        let text = format!(
            "from locust import FastHttpUser, constant_throughput, task\n\n\n\
             class Reader(FastHttpUser):\n    wait_time = constant_throughput({rate})\n\n    \
             @task\n    def read(self):\n        self.client.get(\"{PATH}\", name=\"read\")\n"
        );
        fs::write(&file, text).with_context(|| format!("could not write {}", file.display()))?;
        let (users, seconds, url) = (job.connections, job.lasts.as_secs(), &job.target);
        let line =
            format!("--headless --skip-log --json -u {users} -r {users} -t {seconds}s -H {url} -f");
        let mut command = command(program, &line);
        command.arg(file);
        Ok(command)
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        let entries: Vec<Entry> = serde_json::from_str(output).ok()?;
        let mut times: BTreeMap<u64, u64> = BTreeMap::new();
        for (ms, count) in entries.iter().flat_map(|entry| &entry.response_times) {
            let known = times
                .entry(nanoseconds(ms.parse().ok()?, 1e6)?)
                .or_default();
            *known = known.saturating_add(*count);
        }
        let failed = entries.iter().map(|entry| entry.num_failures);
        Some(PeerReport {
            p50_ns: quantile(&times, 0.5),
            p99_ns: quantile(&times, 0.99),
            failed: Some(failed.fold(0, u64::saturating_add)),
            ..PeerReport::default()
        })
    }
}

/// Returns the sample quantile of values with counts, computed as in Locust.
fn quantile(times: &BTreeMap<u64, u64>, quantile: f64) -> Option<u64> {
    let all = times
        .values()
        .fold(0_u64, |sum, count| sum.saturating_add(*count));
    let rank = (all as f64 * quantile).ceil().max(1.0) as u64;
    let mut passed = 0_u64;
    times.iter().find_map(|(time, count)| {
        passed = passed.saturating_add(*count);
        (passed >= rank).then_some(*time)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_is_a_rank() {
        let times = BTreeMap::from([(1, 50), (2, 49), (9, 1)]);
        assert_eq!(quantile(&times, 0.5), Some(1));
        assert_eq!(quantile(&times, 0.99), Some(2));
        assert_eq!(quantile(&times, 0.999), Some(9));
        assert_eq!(quantile(&BTreeMap::new(), 0.5), None);
    }
}
