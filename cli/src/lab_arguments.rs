//! The command line of `tenfold lab`.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use tenfold_lab::{RoleAllowance, RoleCount};

use crate::data_set_arguments::DataSetArguments;

/// Where a lab is, below the working directory.
const DIRECTORY: &str = ".tenfold/lab";

/// `tenfold lab`
#[derive(Debug, Args)]
pub(crate) struct LabArguments {
    #[command(subcommand)]
    pub(crate) command: LabCommand,
}

/// What is done with a lab.
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Bring a stage up, each box with its allowance, until Ctrl-C or `lab down`
    Up(UpArguments),
    /// Tell how the boxes are, and what they used in a second
    Status(StatusArguments),
    /// Stop the boxes, and the lab
    Down(PlaceArguments),
    /// Kill a box, or all of a zone, as a loss of power would
    Kill(NamedArguments),
    /// Have balancers send a web server, or those of a zone, no more requests, and wait until it has none: it can be killed
    /// and none is lost
    Drain(NamedArguments),
    /// Start a box again that was killed, or all of a zone, at the addresses that they had; send to what was drained
    Revive(NamedArguments),
}

/// Which lab.
#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// The directory of the lab
    #[arg(long, value_name = "DIR", default_value = DIRECTORY, env = "TENFOLD_LAB")]
    pub(crate) dir: PathBuf,
}

/// `tenfold lab up`
#[derive(Debug, Args)]
#[command(
    after_help = "Where control groups can't be made, boxes are not confined, and the lab says so.\n\
    Exit codes: 0 stopped as asked; 104 bad configuration; 105 interrupted before every box was ready; 107 a box did not come up or failed"
)]
pub(crate) struct UpArguments {
    /// The stage
    #[arg(
        long,
        value_name = "NAME",
        default_value = "single-box",
        env = "TENFOLD_STAGE"
    )]
    pub(crate) stage: String,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// What the boxes of a role may use in place of 0.2 CPU and 512 MiB: web=0.4, or sql=1,1GiB
    #[arg(
        long = "box",
        value_name = "ROLE=CPU[,MEMORY]",
        env = "TENFOLD_BOX",
        value_delimiter = ';'
    )]
    pub(crate) boxes: Vec<RoleAllowance>,
    /// How many boxes a role has, over two zones, in place of 2: app=4, or web=3
    #[arg(
        long = "count",
        value_name = "ROLE=N",
        env = "TENFOLD_COUNT",
        value_delimiter = ';'
    )]
    pub(crate) counts: Vec<RoleCount>,
    /// Confine no box, whatever --box says
    #[arg(long, env = "TENFOLD_UNCONFINED", value_parser = BoolishValueParser::new())]
    pub(crate) unconfined: bool,
    /// Give each box a network namespace and let through only what the stage is made with; takes root
    #[arg(long, env = "TENFOLD_NETWORK", value_parser = BoolishValueParser::new())]
    pub(crate) network: bool,
    /// Set the SQL databases to make use of their boxes: caches of half the memory, a pool of threads
    #[arg(long, env = "TENFOLD_TUNED", value_parser = BoolishValueParser::new())]
    pub(crate) tuned: bool,
    /// The store to use in place of the stage's own, such as mysql://user@host/database
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<String>,
    #[command(flatten)]
    pub(crate) data_set: DataSetArguments,
    /// Return once every box is ready, and leave the lab up in the background
    #[arg(short, long, env = "TENFOLD_DETACH", value_parser = BoolishValueParser::new())]
    pub(crate) detach: bool,
    /// Print the boxes as JSON
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

/// `tenfold lab status`
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// Print JSON, with what was used since each box was started
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

/// `tenfold lab kill`, `drain` and `revive`
#[derive(Debug, Args)]
pub(crate) struct NamedArguments {
    /// The box, or a zone as zone-a
    #[arg(value_name = "BOX|ZONE")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
}
