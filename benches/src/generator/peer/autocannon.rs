//! autocannon, on Node.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, nanoseconds};
use crate::generator::peer::{Pace, Peer, Source, command};

/// autocannon, on Node.
pub(super) struct Autocannon;

#[derive(Debug, Deserialize)]
struct Report {
    latency: Latency,
    errors: u64,
    non2xx: u64,
}

/// Percentiles in milliseconds.
#[derive(Debug, Deserialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

impl Peer for Autocannon {
    fn name(&self) -> &'static str {
        "autocannon"
    }

    fn pace(&self) -> Pace {
        Pace::Throttled
    }

    fn source(&self) -> Source {
        Source::Npm("autocannon")
    }

    fn note(&self) -> &'static str {
        "-R for all connections; its percentiles are in whole milliseconds, corrected for coordinated \
         omission"
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds) = (job.connections, job.lasts.as_secs());
        let rate = job.rate.context("autocannon needs a rate")?;
        let line = format!(
            "--json -c {connections} -d {seconds} -R {rate} {}",
            job.url()
        );
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        let report: Report = serde_json::from_str(output).ok()?;
        Some(PeerReport {
            p50_ns: nanoseconds(report.latency.p50, 1e6),
            p99_ns: nanoseconds(report.latency.p99, 1e6),
            failed: Some(report.errors.saturating_add(report.non2xx)),
            ..PeerReport::default()
        })
    }
}
