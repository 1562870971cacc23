//! Benchmarks: compares the generator with its peers, measures the error rates of a gate, finds the
//! capacity of each stage, compares scaling policies and kinds of stores, and counts how often a diagnosis, or a
//! search for the knee, is right.
//!
//! `scripts/bench` builds and starts it. Hidden
//! commands run as separate processes: the bare servers, the planted server and simulated agents.

mod agents;
mod autoscale;
mod caches;
mod cli;
mod findings;
mod gate;
mod generator;
mod generators;
mod hops;
mod knee;
mod months;
mod nosql;
mod output;
mod overload;
mod pages;
mod plan;
mod stages;
mod workshop;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};
use crate::gate::planted_server;
use crate::generator::server::{bare_chat, bare_grpc, bare_handler};
use crate::workshop::interrupt::Interrupted;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Generator(arguments) => generator::run(&arguments),
        Command::Generators(arguments) => generators::run(&arguments),
        Command::Gate(arguments) => gate::run(&arguments),
        Command::Stages(arguments) => stages::run(&arguments),
        Command::Findings(arguments) => findings::run(&arguments),
        Command::Knee(arguments) => knee::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Autoscale(arguments) => autoscale::run(&arguments),
        Command::Nosql(arguments) => nosql::run(&arguments),
        Command::Hops(arguments) => hops::run(&arguments),
        Command::Caches(arguments) => caches::run(&arguments),
        Command::Overload(arguments) => overload::run(&arguments),
        Command::Months(arguments) => months::run(&arguments),
        Command::Agents(arguments) => agents::run(&arguments),
        Command::Page(arguments) => pages::write(&arguments),
        Command::Permits(arguments) => knee::permits::serve(&arguments),
        Command::Planted(arguments) => planted_server::serve(&arguments),
        Command::SimulatedAgents(arguments) => agents::simulated::serve(&arguments),
        Command::BareHandler => bare_handler::serve(),
        Command::BareGrpc => bare_grpc::serve(),
        Command::BareChat => bare_chat::serve(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(if error.is::<Interrupted>() { 105 } else { 1 })
        }
    }
}
