//! Benchmark `agents`: what a run of many agents costs its controller.
//!
//! The controller is `tenfold run`, and the NATS server is a real one. The agents are tasks of one process ([`simulated`]) with the
//! code of `tenfold agent`: each has its own connection, keys and clock rounds, and sends its own record. Only the generator is
//! shared: a single one sends load, and every agent reports its progress and its record as its own.

pub(crate) mod arguments;
mod nats;
mod page;
pub(crate) mod simulated;
mod trial;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use self::arguments::AgentsArguments;
use self::trial::Trial;
use crate::generator::server::{Server, ServerKind};
use crate::output;
use crate::workshop::Workshop;
use crate::workshop::interrupt::Interrupt;
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentsFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// True if it was a quick check.
    pub(crate) quick: bool,
    /// Length of each run, in seconds.
    pub(crate) seconds: u64,
    /// Planned requests per second of each agent.
    pub(crate) rate_each: u32,
    /// Limit on open files with which each controller starts.
    pub(crate) open_files: u64,
    /// Runs, by the number of agents.
    pub(crate) trials: Vec<Trial>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: AgentsFigures = output::read("agents", folder)?;
    output::write_pages("agents", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &AgentsArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let started_at = format!("{:.0}", jiff::Timestamp::now());
    let began = Instant::now();
    let host = tenfold_probe::host::describe();
    let server = Server::start(ServerKind::Axum, &workshop)?;
    let mut trials = Vec::new();
    for &agents in &arguments.counts {
        let load = trial::Load {
            agents,
            rate_each: arguments.rate_each,
            length: Duration::from_secs(arguments.seconds()),
        };
        let trial = trial::take(&workshop, &server, &load);
        let trial = trial.with_context(|| format!("could not measure {agents} agents"))?;
        report(&trial.line());
        trials.push(trial);
    }
    let figures = AgentsFigures {
        started_at,
        host,
        quick: arguments.quick,
        seconds: arguments.seconds(),
        rate_each: arguments.rate_each,
        open_files: trial::OPEN_FILES,
        trials,
        took_s: began.elapsed().as_secs_f64(),
    };
    output::write("agents", &page::page(&figures), &figures, &arguments.out)
}
