//! Goose's own client, `user.get()`, at maximum speed.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::generator::job::Job;
use crate::generator::peer::report::PeerReport;
use crate::generator::peer::{Pace, Peer, Source, command};

/// Goose's own client, `user.get()`, at maximum speed.
pub(super) struct Goose;

/// Figures reported by Goose.
#[derive(Deserialize)]
struct Measured {
    p50_us: u64,
    p99_us: u64,
    failed: u64,
}

impl Peer for Goose {
    fn name(&self) -> &'static str {
        "goose"
    }

    fn pace(&self) -> Pace {
        Pace::FlatOut
    }

    fn source(&self) -> Source {
        Source::Package("benches/goose")
    }

    fn note(&self) -> &'static str {
        "goose 0.19, `user.get()` and reading its body; its time ends at the first byte"
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (users, seconds, url) = (job.connections, job.lasts.as_secs(), job.url());
        let line = format!("--users {users} --seconds {seconds} --url {url}");
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        let measured: Measured = serde_json::from_str(output.lines().last()?).ok()?;
        Some(PeerReport {
            p50_ns: measured.p50_us.checked_mul(1_000),
            p99_ns: measured.p99_us.checked_mul(1_000),
            failed: Some(measured.failed),
            ..PeerReport::default()
        })
    }
}
