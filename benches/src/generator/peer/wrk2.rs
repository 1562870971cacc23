//! wrk2: open model, paced by millisecond timers.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, duration_ns, line_after};
use crate::generator::peer::wrk::failed;
use crate::generator::peer::{Pace, Peer, Source, command};

/// wrk2: open model, paced by millisecond timers.
pub(super) struct Wrk2;

impl Peer for Wrk2 {
    fn name(&self) -> &'static str {
        "wrk2"
    }

    fn pace(&self) -> Pace {
        Pace::Open
    }

    fn source(&self) -> Source {
        Source::Path
    }

    fn note(&self) -> &'static str {
        "measured after its ten-second calibration"
    }

    fn lead(&self) -> Duration {
        Duration::from_millis(11_000)
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds) = (job.connections, job.lasts.as_secs());
        let rate = job.rate.context("wrk2 needs a rate")?;
        let url = job.url();
        let line = format!("-t 1 -c {connections} -d {seconds} -R {rate} --latency {url}");
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        line_after(output, "Requests/sec:")?;
        Some(PeerReport {
            p50_ns: line_after(output, "50.000%").and_then(duration_ns),
            p99_ns: line_after(output, "99.000%").and_then(duration_ns),
            failed: Some(failed(output)),
            ..PeerReport::default()
        })
    }
}
