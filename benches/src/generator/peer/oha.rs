//! oha: open model, corrected for coordinated omission.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, nanoseconds};
use crate::generator::peer::{Pace, Peer, Source, command};

/// oha: open model, corrected for coordinated omission.
pub(super) struct Oha;

#[derive(Debug, Deserialize)]
struct Report {
    #[serde(rename = "latencyPercentiles")]
    percentiles: Percentiles,
    #[serde(rename = "errorDistribution", default)]
    errors: std::collections::BTreeMap<String, u64>,
}

/// Percentiles in seconds.
#[derive(Debug, Deserialize)]
struct Percentiles {
    p50: Option<f64>,
    p99: Option<f64>,
}

/// Error that oha reports for requests in flight at the end.
const ABORTED: &str = "aborted due to deadline";

impl Peer for Oha {
    fn name(&self) -> &'static str {
        "oha"
    }

    fn pace(&self) -> Pace {
        Pace::Open
    }

    fn source(&self) -> Source {
        Source::Crate("oha")
    }

    fn note(&self) -> &'static str {
        "with --latency-correction"
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds) = (job.connections, job.lasts.as_secs());
        let rate = job.rate.context("oha needs a rate")?;
        let line = format!(
            "--no-tui --output-format json --latency-correction -c {connections} -q {rate} \
             -z {seconds}s {}",
            job.url()
        );
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        let report: Report = serde_json::from_str(output).ok()?;
        let ns = |seconds: Option<f64>| seconds.and_then(|seconds| nanoseconds(seconds, 1e9));
        let failed = report.errors.iter().filter(|(error, _)| *error != ABORTED);
        Some(PeerReport {
            p50_ns: ns(report.percentiles.p50),
            p99_ns: ns(report.percentiles.p99),
            failed: Some(failed.fold(0, |sum, (_, count)| sum.saturating_add(*count))),
            ..PeerReport::default()
        })
    }
}
