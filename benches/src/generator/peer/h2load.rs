//! h2load from nghttp2, with HTTP/1.1.

use std::path::Path;
use std::process::Command;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, line_after};
use crate::generator::peer::{Pace, Peer, Source, command};

/// h2load from nghttp2, with HTTP/1.1.
pub(super) struct H2load;

impl Peer for H2load {
    fn name(&self) -> &'static str {
        "h2load"
    }

    fn pace(&self) -> Pace {
        Pace::Throttled
    }

    fn source(&self) -> Source {
        Source::Debian("nghttp2-client")
    }

    fn note(&self) -> &'static str {
        "HTTP/1.1, --rps for each connection; it reports no percentiles"
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds, rate) =
            (job.connections, job.lasts.as_secs(), job.rate_of_each());
        let url = job.url();
        let line = format!("--h1 -t 1 -c {connections} -D {seconds} --rps {rate} {url}");
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        let requests = line_after(output, "requests:")?;
        let count = |name: &str| -> Option<u64> {
            let part = requests
                .split(',')
                .find(|part| part.trim_end().ends_with(name))?;
            part.split_whitespace().next()?.parse().ok()
        };
        // "failed" includes the requests without a response, which it also counts as "errored".
        Some(PeerReport {
            failed: count("failed"),
            ..PeerReport::default()
        })
    }
}
