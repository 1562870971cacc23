//! `tenfold agent` and `tenfold run --agents`: one run of several machines, which are processes here, over a real NATS server.
//!
//! `scripts/agents` repeats the kills at random moments.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod credentials;
mod health;
mod kills;
mod losses;
mod merge;
mod refusals;

use crate::support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::nats::NatsServer;
use support::recording_service::recording_service;
use support::slow_link::SlowLink;
use support::{Ended, Workplace, light_scenario, read_json};

/// Longest time until a process has done something.
const SOON: Duration = Duration::from_secs(60);

/// An agent's process. Killed when dropped.
pub(crate) struct Agent {
    child: Child,
    log: std::path::PathBuf,
}

impl Agent {
    /// Starts an agent, and waits until it waits for runs.
    pub(crate) fn start(place: &Workplace, nats: &str, name: &str, more: &[&str]) -> Self {
        let agent = ["agent", "--nats", nats, "--name", name];
        Self::of(place, name, place.tenfold(&[&agent[..], more].concat()))
    }

    fn of(place: &Workplace, name: &str, mut command: Command) -> Self {
        let log = place.path(&format!("{name}.log"));
        command
            .env("TENFOLD_RECORDS", place.path(&format!("{name}.records")))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let agent = Self { child, log };
        agent.wait_for("waits for runs");
        agent
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has said something.
    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + SOON;
        while !self.said().contains(text) {
            assert!(Instant::now() < deadline, "{text}? {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run_command(place: &Workplace, nats: &str, target: &str, more: &[&str]) -> Command {
    let run = [
        "run",
        "light.toml",
        "--nats",
        nats,
        "--target",
        target,
        "--out",
        "run",
    ];
    let mut command = place.tenfold(&[&run[..], more].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Checks that a run was complete. On a busy machine, its generators may be too late for a valid measurement (120).
fn complete(ended: Ended) -> Ended {
    let code = match ended.code {
        Some(120) => 120,
        _ => 0,
    };
    ended.expect(code)
}

fn holds(summary: &Value) {
    for identity in summary["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
}

fn reasons(summary: &Value) -> String {
    summary["verdict"]["reasons"].to_string()
}

fn count(summary: &Value, pointer: &str) -> u64 {
    summary.pointer(pointer).and_then(Value::as_u64).unwrap()
}

/// Waits until the controller has a checkpoint of every generator at this second or later.
fn wait_for_checkpoints(run: &Path, count: u32, second: u64) {
    let deadline = Instant::now() + SOON;
    let recorded = |number: u32| -> Option<u64> {
        let counts = std::fs::read(run.join(format!("generators/{number}/counts.json"))).ok()?;
        let counts: Value = serde_json::from_slice(&counts).ok()?;
        counts["checkpoint"]["at_ns"].as_u64()
    };
    while (1..=count).any(|number| recorded(number) < Some(second * 1_000_000_000)) {
        assert!(Instant::now() < deadline, "nothing was kept in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns whether any file below a directory contains a text.
pub(crate) fn is_stored(directory: &Path, text: &str) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.flatten().any(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => is_stored(&path, text),
            false => std::fs::read(&path).is_ok_and(|bytes| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            }),
        }
    })
}
