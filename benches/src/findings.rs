//! Benchmark `findings`: plants one bottleneck at a time in services, diagnoses them blind, and counts how often the diagnosis is
//! right.
//!
//! The diagnosis is `tenfold profile`. It gets the address of the service, and of a component behind it whose address an operator would
//! know.

pub(crate) mod arguments;
mod component;
mod page;
mod planted;
mod service;
mod trial;

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use self::arguments::FindingsArguments;
use crate::findings::planted::PLANTED;
use crate::findings::trial::Trial;
use crate::output;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FindingsFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// Diagnoses of each bottleneck.
    pub(crate) turns: u32,
    /// True for a quick check: one diagnosis of each.
    pub(crate) quick: bool,
    /// The diagnoses, in order.
    pub(crate) trials: Vec<Trial>,
    /// Diagnoses that failed, with the reason.
    pub(crate) mishaps: Vec<String>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: FindingsFigures = output::read("findings", folder)?;
    output::write_pages("findings", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &FindingsArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let began = jiff::Timestamp::now();
    let unknown = arguments.only.iter().find(|name| {
        let mut known = PLANTED.iter();
        !known.any(|own| own.name.starts_with(name.as_str()))
    });
    if let Some(name) = unknown {
        let names: Vec<&str> = PLANTED.iter().map(|own| own.name).collect();
        anyhow::bail!(
            "no bottleneck is named `{name}`; there are {}",
            names.join(", ")
        );
    }
    let mut figures = FindingsFigures {
        started_at: format!("{began:.0}"),
        host: tenfold_probe::host::describe(),
        turns: arguments.turns(),
        quick: arguments.quick,
        trials: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let started = Instant::now();
    for turn in 1..=figures.turns {
        for planted in PLANTED {
            let is_chosen = |name: &String| planted.name.starts_with(name.as_str());
            if !arguments.only.is_empty() && !arguments.only.iter().any(is_chosen) {
                continue;
            }
            match Trial::take(planted, turn, &workshop) {
                Ok(trial) => {
                    report(&trial.line());
                    figures.trials.push(trial);
                }
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(error) => {
                    let told = format!("{}: {error:#}", planted.name);
                    report(&told);
                    figures.mishaps.push(told);
                }
            }
        }
    }
    figures.took_s = started.elapsed().as_secs_f64();
    output::write("findings", &page::page(&figures), &figures, &arguments.out)
}
