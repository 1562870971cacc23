//! Apache's ab, at maximum speed.

use std::path::Path;
use std::process::Command;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, line_after, nanoseconds};
use crate::generator::peer::{Pace, Peer, Source, command};

/// Apache's ab, at maximum speed.
pub(super) struct Ab;

/// More requests than it can send: the time limit ends it.
const REQUESTS_MAX: u32 = 50_000_000;

impl Peer for Ab {
    fn name(&self) -> &'static str {
        "ab"
    }

    fn pace(&self) -> Pace {
        Pace::FlatOut
    }

    fn source(&self) -> Source {
        Source::Debian("apache2-utils")
    }

    fn note(&self) -> &'static str {
        "HTTP/1.0 with keep-alive; its percentiles are in whole milliseconds"
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds) = (job.connections, job.lasts.as_secs());
        let line = format!(
            "-q -k -c {connections} -t {seconds} -n {REQUESTS_MAX} {}",
            job.url()
        );
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        let count = |name: &str| line_after(output, name).and_then(|n| n.parse::<u64>().ok());
        let failed = count("Failed requests:")?;
        let ms = |name: &str| {
            let figure = line_after(output, name)?.split_whitespace().next()?;
            nanoseconds(figure.parse().ok()?, 1e6)
        };
        Some(PeerReport {
            p50_ns: ms("50%"),
            p99_ns: ms("99%"),
            failed: Some(failed.saturating_add(count("Non-2xx responses:").unwrap_or(0))),
            ..PeerReport::default()
        })
    }
}
