//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sets the generator beside its peers.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench", max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compare cost, lateness, memory and scale with those of the peers, against the same servers
    Generator(GeneratorArguments),
    /// Serve 1 KB for every path until standard input closes
    #[command(hide = true)]
    BareHandler,
    /// Send with Goose's own path
    #[command(hide = true)]
    GooseUsers(GooseUsersArguments),
}

/// What to compare, and how long to take for it.
#[derive(Debug, Args)]
pub(crate) struct GeneratorArguments {
    /// Peers to compare with: tenfold, wrk2, wrk, oha, h2load, hey, ab, autocannon, goose, locust;
    /// all of them where none is named
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) peers: Vec<String>,
    /// Do these parts alone; all of them where none is named
    #[arg(long, value_delimiter = ',', value_name = "PARTS")]
    pub(crate) only: Vec<Part>,
    /// Rounds, in each of which every peer has one turn [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: Option<u32>,
    /// How long each turn is measured, in seconds [default: 8]
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
    /// The seed of the order of turns
    #[arg(long, default_value_t = 42, value_name = "N")]
    pub(crate) seed: u64,
    /// A short look: one round of two seconds, few points, and figures not to be quoted
    #[arg(long)]
    pub(crate) quick: bool,
    /// Install nothing: peers that are not there are listed as such
    #[arg(long)]
    pub(crate) no_install: bool,
    /// Let generator and server share the processors, instead of one for each
    #[arg(long)]
    pub(crate) no_pin: bool,
    /// The binary of Tenfold [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Where to write generator.json, generator.md and generator.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Where to keep peers from one benchmark to the next
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

/// A part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Every peer at the same rate, in turns
    Table,
    /// Lateness at 1,000/s
    Precision,
    /// The highest rate that one core sustains
    Max,
    /// Memory of 1,000 users over a minute
    Memory,
    /// Cost by users and by rate
    Scale,
}

impl GeneratorArguments {
    /// Whether a part is to be done.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// How many rounds there are.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// How long each turn is measured, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 2 } else { 8 })
    }
}

/// What Goose's users are to do.
#[derive(Debug, Args)]
pub(crate) struct GooseUsersArguments {
    /// The server's URL
    #[arg(long)]
    pub(crate) url: String,
    /// How many users
    #[arg(long)]
    pub(crate) users: u32,
    /// For how long
    #[arg(long)]
    pub(crate) seconds: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
