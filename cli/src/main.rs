//! The `tenfold` binary: parses the command line, calls a library, prints the result, and exits.
//!
//! | module | contents |
//! |---|---|
//! | `agents` | generators on other machines |
//! | `arguments` | the command line: a file for each subcommand, `groups/` of flags that several share |
//! | `commands` | a file for each subcommand |
//! | `ladder` | the steps of a ladder, their order, and the prices of boxes |
//! | `live` | the view of a run in progress: dashboard, lines, `/metrics` |
//! | `policy` | scaling policies, read from files |
//! | `permission` | which hosts load may be sent to |
//! | `service` | the service under test, started for it if it is a stage |
//! | `trials` | runs of a service at constant rates, for `knee`, `profile` and `ladder` |
//! | `output` | standard output, standard error, exports, the log of a service |

mod agents;
mod arguments;
mod builds;
mod chaos;
mod commands;
mod exit;
mod interrupt;
mod ladder;
mod library;
mod live;
mod manifest;
mod output;
mod permission;
mod policy;
mod service;
mod stages;
mod trials;

use std::process::ExitCode;

use crate::arguments::{Cli, Command};
use crate::exit::exit_code_of;

/// With a full cache, the system allocator takes a fifth of the service's CPU time (ADR 19).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let done = match cli.command {
        Command::Run(arguments) => commands::run::run(&arguments),
        Command::Knee(arguments) => commands::knee::knee(&arguments),
        Command::Profile(arguments) => commands::profile::profile(&arguments),
        Command::Ladder(arguments) => commands::ladder::ladder(&arguments),
        Command::Plan(arguments) => commands::plan::plan(&arguments),
        Command::Init(arguments) => commands::init::init(&arguments),
        Command::Schema => commands::schema::schema(),
        Command::Record(arguments) => commands::record::record(&arguments),
        Command::Report(arguments) => commands::report::report(&arguments),
        Command::Merge(arguments) => commands::merge::merge(&arguments),
        Command::Gate(arguments) => commands::gate::gate(&arguments),
        Command::Serve(arguments) => commands::serve::serve(&arguments),
        Command::Lab(arguments) => commands::lab::lab(&arguments),
        Command::Agent(arguments) => commands::agent::agent(&arguments),
        Command::Generator(arguments) => commands::generator::generator(&arguments),
        Command::Doctor(arguments) => commands::doctor::doctor(&arguments),
        Command::Completions(arguments) => commands::completions::completions(&arguments),
        Command::Man(arguments) => commands::man::man(&arguments),
    };
    exit_code_of(done)
}
