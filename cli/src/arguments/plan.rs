//! Flags of `tenfold plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_analysis::plan::{PerMonth, parse_bytes, parse_count};

use super::values::{duration, positive};

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done; 104 bad configuration")]
pub(crate) struct PlanArguments {
    /// Users
    #[arg(long, default_value = "10M", value_name = "N", env = "TENFOLD_PLAN_USERS", value_parser = count)]
    pub(crate) users: f64,
    /// Writes, such as 1G/month, 30M/day or 400/s
    #[arg(
        long,
        default_value = "1G/month",
        value_name = "N/TIME",
        env = "TENFOLD_PLAN_WRITES"
    )]
    pub(crate) writes: PerMonth,
    /// Reads, such as 100G/month, 3G/day or 40k/s
    #[arg(
        long,
        default_value = "100G/month",
        value_name = "N/TIME",
        env = "TENFOLD_PLAN_READS"
    )]
    pub(crate) reads: PerMonth,
    /// Bytes that a write stores
    #[arg(long, default_value = "1KB", value_name = "SIZE", env = "TENFOLD_PLAN_BYTES", value_parser = bytes)]
    pub(crate) bytes: f64,
    /// Bytes that a read returns [default: as many as a write stores]
    #[arg(long, value_name = "SIZE", env = "TENFOLD_PLAN_READ_BYTES", value_parser = bytes)]
    pub(crate) read_bytes: Option<f64>,
    /// Years for which content is kept
    #[arg(long, default_value = "3", value_name = "N", env = "TENFOLD_PLAN_YEARS", value_parser = positive)]
    pub(crate) years: f64,
    /// Highest rate over the mean rate
    #[arg(long, default_value = "2", value_name = "FACTOR", env = "TENFOLD_PLAN_PEAK", value_parser = positive)]
    pub(crate) peak: f64,
    /// Directory or file with the answer of `tenfold knee` for one box: adds the number of boxes
    #[arg(
        long,
        help_heading = "Boxes",
        value_name = "PATH",
        env = "TENFOLD_PLAN_KNEE"
    )]
    pub(crate) knee: Option<PathBuf>,
    /// Directory or file of `tenfold ladder`: adds the number of copies of each step, their boxes and their price
    #[arg(
        long,
        help_heading = "Boxes",
        value_name = "PATH",
        env = "TENFOLD_PLAN_LADDER"
    )]
    pub(crate) ladder: Option<PathBuf>,
    /// Simulate each step of the ladder from its runs, beside its measured figures, and the fleet for the peak
    #[arg(long, help_heading = "Boxes", requires = "ladder", env = "TENFOLD_PLAN_SIMULATE", value_parser = BoolishValueParser::new())]
    pub(crate) simulate: bool,
    /// Time on the network between two boxes of a simulated fleet, such as 500us
    #[arg(long, help_heading = "Boxes", requires = "simulate", default_value = "0s", value_name = "TIME", env = "TENFOLD_PLAN_HOP", value_parser = duration)]
    pub(crate) hop: Duration,
    /// Share of the knee to plan with, from 0 to 1
    #[arg(long, help_heading = "Boxes", default_value = "0.6", value_name = "SHARE",
        env = "TENFOLD_PLAN_UTILISATION", value_parser = share)]
    pub(crate) utilisation: f64,
    /// Zones, one of which may fail; 1 for no spare zone
    #[arg(long, help_heading = "Boxes", default_value_t = 2, value_name = "N", env = "TENFOLD_PLAN_ZONES",
        value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) zones: u64,
    /// Measure this machine's own times for a read from memory, disk, Redis and a database, and a round trip: 5 s
    #[arg(long, help_heading = "Boxes", env = "TENFOLD_PLAN_LATENCY", value_parser = BoolishValueParser::new())]
    pub(crate) latency: bool,
    /// Print the plan as a single JSON document on standard output
    #[arg(long, help_heading = "Output", env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

fn count(text: &str) -> Result<f64, String> {
    match parse_count(text) {
        Ok(0.0) => Err("at least one is needed".to_owned()),
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

fn bytes(text: &str) -> Result<f64, String> {
    parse_bytes(text).map_err(|error| error.to_string())
}

fn share(text: &str) -> Result<f64, String> {
    match positive(text)? {
        share if share <= 1.0 => Ok(share),
        _ => Err("it must be at most 1".to_owned()),
    }
}
