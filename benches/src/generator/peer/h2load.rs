//! h2load from nghttp2, with HTTP/1.1, and with gRPC calls over HTTP/2.

use std::path::Path;
use std::process::Command;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, line_after};
use crate::generator::peer::{Pace, Peer, Source, command};

/// h2load from nghttp2, with HTTP/1.1.
pub(super) struct H2load;

/// h2load with gRPC calls. It knows nothing of gRPC: it posts a framed message, and does not look at the status in the trailers.
pub(super) struct H2loadGrpc;

/// `shop.Query` with the name `pear`, behind the prefix of a message.
const CALL: &[u8] = b"\0\0\0\0\x06\x0a\x04pear";

impl Peer for H2loadGrpc {
    fn name(&self) -> &'static str {
        H2load.name()
    }

    fn pace(&self) -> Pace {
        H2load.pace()
    }

    fn source(&self) -> Source {
        H2load.source()
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds, rate) =
            (job.connections, job.lasts.as_secs(), job.rate_of_each());
        let body = job.folder.join("call");
        std::fs::write(&body, CALL)?;
        let line = format!("-t 1 -c {connections} -m 1 -D {seconds} --rps {rate}");
        let mut command = command(program, &line);
        command
            .args(["-H", "content-type: application/grpc", "-H", "te: trailers"])
            .arg("-d")
            .arg(body)
            .arg(format!("{}/shop.Shop/Find", job.target));
        Ok(command)
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        H2load.read(output)
    }
}

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
