//! wrk, at maximum speed.

use std::path::Path;
use std::process::Command;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, duration_ns, line_after};
use crate::generator::peer::{Pace, Peer, Source, command};

/// wrk, at maximum speed.
pub(super) struct Wrk;

impl Peer for Wrk {
    fn name(&self) -> &'static str {
        "wrk"
    }

    fn pace(&self) -> Pace {
        Pace::FlatOut
    }

    fn source(&self) -> Source {
        Source::Debian("wrk")
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds) = (job.connections, job.lasts.as_secs());
        let line = format!("-t 1 -c {connections} -d {seconds} --latency {}", job.url());
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        line_after(output, "Requests/sec:")?;
        Some(PeerReport {
            p50_ns: line_after(output, "50%").and_then(duration_ns),
            p99_ns: line_after(output, "99%").and_then(duration_ns),
            failed: Some(failed(output)),
            ..PeerReport::default()
        })
    }
}

/// Adds up failures. wrk and wrk2 print each kind only if it occurred.
pub(super) fn failed(output: &str) -> u64 {
    let statuses = line_after(output, "Non-2xx or 3xx responses:").and_then(|n| n.parse().ok());
    let sockets = line_after(output, "Socket errors:").unwrap_or_default();
    let sockets = sockets
        .split(',')
        .filter_map(|each| each.split_whitespace().nth(1));
    let sockets = sockets.filter_map(|n| n.parse::<u64>().ok());
    sockets.fold(statuses.unwrap_or(0), u64::saturating_add)
}
