//! Sets the generator beside its peers: the same server, turns in shuffled order, one table. And counts
//! how often a gate is wrong: identical builds that fail, planted slowdowns that don't.
//!
//! `scripts/bench generator` and `scripts/bench gate` build and start it. Hidden commands are processes of
//! their own: the bare handler that is sent to, the users of Goose's own path, and the planted server.

mod cli;
mod gate;
mod generator;
mod output;
mod stages;
mod workshop;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::gate::planted_server;
use crate::generator::peer::goose_users;
use crate::generator::server::bare_handler;
use crate::workshop::interrupt::Interrupted;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Generator(arguments) => generator::run(&arguments),
        Command::Gate(arguments) => gate::run(&arguments),
        Command::Stages(arguments) => stages::run(&arguments),
        Command::Planted(arguments) => planted_server::serve(&arguments),
        Command::BareHandler => bare_handler::serve(),
        Command::GooseUsers(arguments) => goose_users::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(if error.is::<Interrupted>() { 105 } else { 1 })
        }
    }
}
