//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Sets the generator beside its peers, and counts how often a gate is wrong.
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
    /// Count how often a gate fails an unchanged build, and how often it finds a planted slowdown
    Gate(GateArguments),
    /// Find what each stage of the reference service carries in boxes of one size
    Stages(StagesArguments),
    /// Serve 1 KB for every path until standard input closes
    #[command(hide = true)]
    BareHandler,
    /// Send with Goose's own path
    #[command(hide = true)]
    GooseUsers(GooseUsersArguments),
    /// Serve small answers that cost a given amount of arithmetic and a given wait, until killed
    #[command(hide = true)]
    Planted(PlantedArguments),
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

/// How many gates to take the error rates from.
#[derive(Debug, Args)]
pub(crate) struct GateArguments {
    /// Gates of a build beside itself [default: 40]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) gates: Option<u32>,
    /// Gates of each planted slowdown [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) detections: Option<u32>,
    /// Gates resampled from the rounds that were recorded, of each kind [default: 5000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) resampled: Option<u32>,
    /// The seed of the order of gates, of their requests and of the resampling
    #[arg(long, default_value_t = 42, value_name = "N", conflicts_with = "from")]
    pub(crate) seed: u64,
    /// A short look: 3 gates and 2 of each slowdown, short budgets, and figures not to be quoted
    #[arg(long, conflicts_with = "from")]
    pub(crate) quick: bool,
    /// Go on with a record of gates that was interrupted; resample one that is complete
    #[arg(long, value_name = "FILE", conflicts_with_all = ["gates", "detections"])]
    pub(crate) from: Option<PathBuf>,
    /// Gate with this calibration of the machine [default: none, as on a machine new to it]
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// The binary of Tenfold [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Where to write gate.json, gate.md and gate.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Where to keep the record, whose rounds can be resampled again
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl GateArguments {
    /// How many gates there are of a build beside itself.
    pub(crate) fn gates(&self) -> u32 {
        self.gates.unwrap_or(if self.quick { 3 } else { 40 })
    }

    /// How many gates there are of each planted slowdown.
    pub(crate) fn detections(&self) -> u32 {
        self.detections.unwrap_or(if self.quick { 2 } else { 20 })
    }

    /// How many gates are resampled of each kind.
    pub(crate) fn resampled(&self) -> u32 {
        self.resampled
            .unwrap_or(if self.quick { 500 } else { 5_000 })
    }
}

/// Which stages to measure, and how long to take for it.
#[derive(Debug, Args)]
pub(crate) struct StagesArguments {
    /// Measure these stages alone; all of them where none is named
    #[arg(long, value_delimiter = ',', value_name = "NAMES",
          value_parser = ["single-box", "separated", "balanced", "cached"])]
    pub(crate) stages: Vec<String>,
    /// Processors of every box
    #[arg(long = "box", default_value_t = 0.2, value_name = "CPU")]
    pub(crate) box_cpu: f64,
    /// The first rate, in requests per second
    #[arg(long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) first_rate: u32,
    /// How long each step is measured, in seconds [default: 12]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub(crate) seconds: Option<u64>,
    /// A short look: steps of four seconds, and figures not to be quoted
    #[arg(long)]
    pub(crate) quick: bool,
    /// The binary of Tenfold [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Where to write stages.json, stages.md and stages.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Where stages have their data while they are measured
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl StagesArguments {
    /// How long each step is measured, in seconds.
    pub(crate) fn seconds(&self) -> u64 {
        self.seconds.unwrap_or(if self.quick { 4 } else { 12 })
    }
}

/// What the planted server is to cost.
#[derive(Debug, Args)]
pub(crate) struct PlantedArguments {
    /// The port of loopback that it listens on
    #[arg(long, value_name = "N")]
    pub(crate) port: u16,
    /// Steps of arithmetic that a request takes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) work: u64,
    /// How long a request waits, in microseconds
    #[arg(long, value_name = "US", default_value_t = 0)]
    pub(crate) wait_us: u64,
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
