//! The one binary: it parses, calls, prints and exits.

mod cache_arguments;
mod cli;
mod commands;
mod connect_arguments;
mod data_set_arguments;
mod exit;
mod exports;
mod gate_arguments;
mod host_guard;
mod interrupt;
mod lab_arguments;
mod library;
mod live;
mod log;
mod manifest;
mod measure;
mod permitted_hosts;
mod print;
mod stages;
mod values;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::exit::exit_code_of;

/// The system's own took a fifth of the service's time where a cache has filled the heap with small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let done = match cli.command {
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Record(arguments) => commands::record::record(&arguments),
        Command::Report(arguments) => commands::report::report(&arguments),
        Command::Merge(arguments) => commands::merge::merge(&arguments),
        Command::Gate(arguments) => commands::gate::gate(&arguments),
        Command::Serve(arguments) => commands::serve::serve(&arguments),
        Command::Lab(arguments) => commands::lab::lab(&arguments),
        Command::Doctor(arguments) => commands::doctor::doctor(&arguments),
    };
    exit_code_of(done)
}
