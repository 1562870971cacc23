//! Options on the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of the comparison with peers.
#[derive(Debug, Args)]
pub(crate) struct GeneratorArguments {
    /// Peers to compare with: tenfold, wrk2, wrk, oha, h2load, hey, ab, autocannon, goose, locust, tsung
    /// [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) peers: Vec<String>,
    /// Parts to measure [default: all]
    #[arg(long, value_delimiter = ',', value_name = "PARTS")]
    pub(crate) only: Vec<Part>,
    /// Rounds; every peer has one turn in each [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// Measured time of each turn, in seconds [default: 8]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: Option<u64>,
    /// Requests per second in the table
    #[arg(long, default_value_t = 20_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rate: u32,
    /// Connections in the table
    #[arg(long, default_value_t = 64, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// Seed of the order of turns
    #[arg(long, default_value_t = 42, value_name = "N")]
    pub(crate) seed: u64,
    /// Quick check: one round of two seconds and few points; do not quote its figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// Do not install missing peers; list them as missing
    #[arg(long)]
    pub(crate) no_install: bool,
    /// Let generator and server share all CPUs; by default each gets one
    #[arg(long)]
    pub(crate) no_pin: bool,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for generator.json, generator.md and generator.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory that keeps the installed peers
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

/// A part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Every peer at the same rate, in alternating turns
    Table,
    /// Lag at 1,000/s
    Precision,
    /// The highest rate that one core sustains
    Max,
    /// Memory of 1,000 users over one minute
    Memory,
    /// Cost by users and by rate
    Scale,
    /// gRPC calls at the same rate, beside h2load
    Grpc,
    /// WebSocket messages at the same rate, beside Tsung
    Websocket,
}

impl GeneratorArguments {
    /// Returns whether a part is to be measured.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// Returns the measured time of each turn, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 8 })
    }
}
