//! Sets the generator beside its peers: the same server, turns in shuffled order, one table. And counts
//! how often a gate is wrong: identical builds that fail, planted slowdowns that don't.
//!
//! `scripts/bench generator` and `scripts/bench gate` build and start it. Hidden commands are processes of
//! their own: the bare handler that is sent to, the users of Goose's own path, and the planted server.

mod bar;
mod bare_handler;
mod child;
mod cli;
mod course;
mod gate;
mod goose_users;
mod idle_users;
mod install;
mod interrupt;
mod job;
mod maximum;
mod memory;
mod output;
mod peer;
mod planted_server;
mod precision;
mod record;
mod scale;
mod server;
mod spread;
mod stages;
mod table;
mod told;
mod turn;
mod workshop;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Generator(arguments) => course::run(&arguments),
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
            ExitCode::from(if error.is::<interrupt::Interrupted>() {
                105
            } else {
                1
            })
        }
    }
}
