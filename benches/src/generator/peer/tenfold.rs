//! Tenfold's generator, with the full job.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::generator::job::Job;
use crate::generator::peer::report::PeerReport;
use crate::generator::peer::{Pace, Peer, Source};

/// Tenfold's generator, with the full job.
pub(super) struct Tenfold;

/// The parts of the summary that are used here.
#[derive(Debug, Deserialize)]
struct Summary {
    verdict: Verdict,
    arrivals: ArrivalCounts,
    latency_ns: Latencies,
    generator: Generator,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    measurement: String,
}

#[derive(Debug, Deserialize)]
struct ArrivalCounts {
    failed: u64,
    dropped: u64,
}

#[derive(Debug, Deserialize)]
struct Latencies {
    response: Latency,
    service: Latency,
    lag: Latency,
}

#[derive(Debug, Deserialize)]
struct Latency {
    p50: Option<u64>,
    p99: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Generator {
    connections: u64,
}

impl Peer for Tenfold {
    fn name(&self) -> &'static str {
        "tenfold"
    }

    fn pace(&self) -> Pace {
        Pace::Open
    }

    fn source(&self) -> Source {
        Source::Workspace
    }

    fn note(&self) -> &'static str {
        "the full job: Poisson arrivals, 100 reads for each write, Zipfian keys over 100,000 posts, \
         bodies read to the end, every latency in a histogram, failures classified; every other peer reads one URL"
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let mut command = Command::new(program);
        // The scenario's warm-up takes one second.
        let counted = job.lasts.as_secs().saturating_sub(1).max(1);
        command
            .arg("run")
            .arg(&job.scenario)
            .args(["--target", &job.target]);
        if let Some(rate) = job.rate {
            command.args(["--rate", &format!("{rate}/s")]);
        }
        command.args([
            "-u",
            &job.connections.to_string(),
            "-d",
            &format!("{counted}s"),
        ]);
        command
            .args(["--no-profile", "--json", "--out"])
            .arg(job.folder.join("run"));
        Ok(command)
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        let summary: Summary = serde_json::from_str(output).ok()?;
        Some(PeerReport {
            p50_ns: summary.latency_ns.response.p50,
            p99_ns: summary.latency_ns.response.p99,
            lag_p50_ns: summary.latency_ns.lag.p50,
            lag_p99_ns: summary.latency_ns.lag.p99,
            service_p50_ns: summary.latency_ns.service.p50,
            failed: Some(summary.arrivals.failed),
            dropped: Some(summary.arrivals.dropped),
            measurement: Some(summary.verdict.measurement),
            connections: Some(summary.generator.connections),
        })
    }
}
