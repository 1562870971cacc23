//! Options on the command line.

use std::path::PathBuf;

use clap::Args;

/// Options of the gate benchmark.
#[derive(Debug, Args)]
pub(crate) struct GateArguments {
    /// Gates of a build against itself [default: 40]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) gates: Option<u32>,
    /// Gates of each planted slowdown [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) detections: Option<u32>,
    /// Gates to resample for each kind, from the recorded rounds [default: 5000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) resampled: Option<u32>,
    /// Seed of the order of gates, of their requests and of the resampling
    #[arg(long, default_value_t = 42, value_name = "N", conflicts_with = "from")]
    pub(crate) seed: u64,
    /// Quick check: 3 gates and 2 of each slowdown with short budgets; do not quote its figures
    #[arg(long, conflicts_with = "from")]
    pub(crate) quick: bool,
    /// Continue an interrupted record of gates, or resample a complete one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["gates", "detections"])]
    pub(crate) from: Option<PathBuf>,
    /// Calibration of this machine for all gates [default: none, as on a new machine]
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: Option<PathBuf>,
    /// Binary of Tenfold [default: the one next to this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) tenfold: Option<PathBuf>,
    /// Directory for gate.json, gate.md and gate.html
    #[arg(long, default_value = "docs/benchmarks", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Directory for the record, whose rounds can be resampled later
    #[arg(long, default_value = ".tenfold/bench", value_name = "DIR")]
    pub(crate) cache: PathBuf,
}

impl GateArguments {
    /// Returns the number of gates of a build against itself.
    pub(crate) fn gates(&self) -> u32 {
        self.gates.unwrap_or(if self.quick { 3 } else { 40 })
    }

    /// Returns the number of gates of each planted slowdown.
    pub(crate) fn detections(&self) -> u32 {
        self.detections.unwrap_or(if self.quick { 2 } else { 20 })
    }

    /// Returns the number of resampled gates of each kind.
    pub(crate) fn resampled(&self) -> u32 {
        self.resampled
            .unwrap_or(if self.quick { 500 } else { 5_000 })
    }
}

/// Options of the planted server.
#[derive(Debug, Args)]
pub(crate) struct PlantedArguments {
    /// Port on loopback to listen on
    #[arg(long, value_name = "N")]
    pub(crate) port: u16,
    /// Steps of arithmetic in each request
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) work: u64,
    /// Wait of each request, in microseconds
    #[arg(long, value_name = "US", default_value_t = 0)]
    pub(crate) wait_us: u64,
}
