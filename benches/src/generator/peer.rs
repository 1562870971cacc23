//! The peers: how each is got, started and understood. One file each.

mod ab;
mod autocannon;
mod goose;
pub(crate) mod goose_users;
mod h2load;
mod hey;
mod locust;
mod oha;
pub(crate) mod report;
mod tenfold;
mod wrk;
mod wrk2;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::job::Job;
use crate::generator::peer::report::PeerReport;

/// Who sets a peer's pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pace {
    /// The plan: requests have times at which they are due, whatever the server does.
    Open,
    /// The server, with a brake on each connection that holds it to the rate.
    Throttled,
    /// The server alone: as fast as it goes.
    FlatOut,
}

impl Pace {
    /// What to call it in a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Pace::Open => "open",
            Pace::Throttled => "closed, throttled",
            Pace::FlatOut => "closed, flat out",
        }
    }
}

/// Where a peer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// This workspace's own generator.
    Workspace,
    /// This program itself.
    Itself,
    /// A package of Debian.
    Debian(&'static str),
    /// A crate that is built into the cache.
    Crate(&'static str),
    /// A package of PyPI in an environment of its own.
    PyPi(&'static str),
    /// A package of npm in a folder of its own.
    Npm(&'static str),
    /// No registry: only where it is on `PATH`.
    Path,
}

/// A load generator.
pub(crate) trait Peer: Sync {
    /// Its name, which is its program's.
    fn name(&self) -> &'static str;

    /// Who sets its pace.
    fn pace(&self) -> Pace;

    /// Where it comes from.
    fn source(&self) -> Source;

    /// What a reader must know of how it was used; empty for nothing.
    fn note(&self) -> &'static str {
        ""
    }

    /// How long after its first request it is measured.
    fn lead(&self) -> Duration {
        Duration::from_millis(1_500)
    }

    /// The command for a job. It may write files into the job's folder.
    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command>;

    /// Understands what it wrote to standard output; none where that is not what it writes.
    fn read(&self, output: &str) -> Option<PeerReport>;
}

/// Every peer, in the order of the table.
pub(crate) const PEERS: [&dyn Peer; 10] = [
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
];

/// The generator itself.
pub(crate) const TENFOLD: &dyn Peer = PEERS[0];

/// The peer of the open model whose cost is the bar.
pub(crate) const WRK2: &dyn Peer = PEERS[1];

/// Finds a peer by its name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Peer> {
    PEERS.into_iter().find(|peer| peer.name() == name)
}

/// A command with the words of a line, parted at blanks.
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
    fn what_each_peer_wrote_is_understood() {
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
        ];
        let lines = all.map(|(name, output)| {
            let report = read(name, output).unwrap_or_else(|| panic!("{name} was not understood"));
            format!("{name}: {}", serde_json::to_string(&report).unwrap())
        });
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn the_bar_is_wrk2() {
        assert_eq!((TENFOLD.name(), WRK2.name()), ("tenfold", "wrk2"));
    }

    proptest! {
        #[test]
        fn anything_is_understood_or_not(
            output in "\\PC*|(Latency Distribution|  50%| 99% in|[{}\":,0-9. ]|ms|\n){0,40}",
        ) {
            for peer in PEERS {
                let _ = peer.read(&output);
            }
        }
    }
}
