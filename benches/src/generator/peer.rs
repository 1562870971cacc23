//! Peers: how to install each of them, run it and parse its output. One file for each.

mod ab;
mod autocannon;
mod goose;
mod h2load;
mod hey;
mod locust;
mod oha;
pub(crate) mod report;
mod tenfold;
mod tsung;
mod wrk;
mod wrk2;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::job::Job;
use crate::generator::peer::report::PeerReport;

/// Pace of a peer's requests, and what sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pace {
    /// The plan: requests are sent at their intended times, regardless of the server.
    Open,
    /// The server's responses, throttled on each connection to the rate.
    Throttled,
    /// The server's responses alone, at maximum speed.
    FlatOut,
}

impl Pace {
    /// Returns the name for a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Pace::Open => "open",
            Pace::Throttled => "closed, throttled",
            Pace::FlatOut => "closed, flat out",
        }
    }
}

/// Source of a peer's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// This workspace's generator.
    Workspace,
    /// A Debian package.
    Debian(&'static str),
    /// A package of this repository, built into the cache.
    Package(&'static str),
    /// A crate, installed into the cache.
    Crate(&'static str),
    /// A PyPI package, in its own environment.
    PyPi(&'static str),
    /// An npm package, in its own directory.
    Npm(&'static str),
    /// No registry; it has to be on the `PATH`.
    Path,
}

/// A load generator.
pub(crate) trait Peer: Sync {
    /// Returns its name, which is also that of its program.
    fn name(&self) -> &'static str;

    /// Returns what sets its pace.
    fn pace(&self) -> Pace;

    /// Returns the source of its program.
    fn source(&self) -> Source;

    /// Returns the settings that a reader has to know. Empty if there are none.
    fn note(&self) -> &'static str {
        ""
    }

    /// Returns whether it is compared over HTTP/1.1. Others are here for another protocol.
    fn is_over_http1(&self) -> bool {
        true
    }

    /// Returns the time from its first request to the measured time.
    fn lead(&self) -> Duration {
        Duration::from_millis(1_500)
    }

    /// Returns the command for a job. It may write files into the job's directory.
    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command>;

    /// Parses its standard output. `None` if the format is unexpected.
    fn read(&self, output: &str) -> Option<PeerReport>;
}

/// All peers, in the order of the table.
pub(crate) const PEERS: [&dyn Peer; 11] = [
    &tenfold::Tenfold,
    &wrk2::Wrk2,
    &wrk::Wrk,
    &oha::Oha,
    &h2load::H2load,
    &hey::Hey,
    &ab::Ab,
    &autocannon::Autocannon,
    &goose::Goose,
    &locust::Locust,
    &tsung::Tsung,
];

/// The generator under test.
pub(crate) const TENFOLD: &dyn Peer = PEERS[0];

/// The open-model peer that sets the goal for cost and lag.
pub(crate) const WRK2: &dyn Peer = PEERS[1];

/// The peers that can send gRPC calls. ghz and k6 are not among them: no package registry has their programs.
pub(crate) const CALLING: [&dyn Peer; 2] = [TENFOLD, &h2load::H2loadGrpc];

/// The peers that can send WebSocket messages.
pub(crate) const CHATTING: [&dyn Peer; 2] = [TENFOLD, PEERS[10]];

/// Returns the peer with this name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Peer> {
    PEERS.into_iter().find(|peer| peer.name() == name)
}

/// Returns a command with the space-separated arguments of a line.
fn command(program: &Path, line: &str) -> Command {
    let mut command = Command::new(program);
    command.args(line.split_ascii_whitespace());
    command
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_output_of_every_peer() {
        let read = |name: &str, output: &str| named(name).unwrap().read(output);
        let all = [
            ("wrk", include_str!("../../samples/wrk.txt")),
            ("wrk2", include_str!("../../samples/wrk2.txt")),
            ("oha", include_str!("../../samples/oha.json")),
            ("h2load", include_str!("../../samples/h2load.txt")),
            ("hey", include_str!("../../samples/hey.txt")),
            ("ab", include_str!("../../samples/ab.txt")),
            ("autocannon", include_str!("../../samples/autocannon.json")),
            ("goose", include_str!("../../samples/goose.json")),
            ("locust", include_str!("../../samples/locust.json")),
            ("tenfold", include_str!("../../samples/tenfold.json")),
            ("tsung", include_str!("../../samples/tsung.txt")),
        ];
        let lines = all.map(|(name, output)| {
            let report = read(name, output).unwrap_or_else(|| panic!("{name}: unexpected format"));
            format!("{name}: {}", serde_json::to_string(&report).unwrap())
        });
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn registry_starts_with_tenfold_and_wrk2() {
        assert_eq!((TENFOLD.name(), WRK2.name()), ("tenfold", "wrk2"));
    }

    proptest! {
        #[test]
        fn parses_or_refuses_any_output(
            output in "\\PC*|(Latency Distribution|  50%| 99% in|[{}\":,0-9. ]|ms|\n){0,40}",
        ) {
            for peer in PEERS {
                let is_read = peer.read(&output).is_some();
                prop_assert!(!is_read || !output.trim().is_empty(), "{}", peer.name());
            }
        }
    }
}
