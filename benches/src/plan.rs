//! Benchmark `plan`: compares simulated knees and response times with measured ones.
//!
//! Servers with permits have a known capacity; their service times come from a run at a tenth of it. The stages of the
//! reference service are climbed by `tenfold ladder`, loaded with 70% of each knee, and simulated by `tenfold plan --simulate`.

pub(crate) mod arguments;
mod climbed;
mod page;
mod permitted;

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tenfold_analysis::plan::SimulatedStep;

use self::arguments::PlanArguments;
use crate::output;
use crate::plan::permitted::Permitted;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PlanFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// True for a quick check.
    pub(crate) quick: bool,
    /// Servers with permits.
    pub(crate) permitted: Vec<Permitted>,
    /// Steps of the ladder.
    pub(crate) steps: Vec<SimulatedStep>,
    /// Failed parts, with the reason.
    pub(crate) mishaps: Vec<String>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: PlanFigures = output::read("plan", folder)?;
    output::write_pages("plan", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let began = jiff::Timestamp::now();
    let started = Instant::now();
    let mut figures = PlanFigures {
        started_at: format!("{began:.0}"),
        host: tenfold_probe::host::describe(),
        quick: arguments.quick,
        permitted: Vec::new(),
        steps: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let mut keep = |what: String, error: anyhow::Error| -> anyhow::Result<()> {
        if error.is::<Interrupted>() {
            return Err(error);
        }
        let mishap = format!("{what}: {error:#}");
        report(&mishap);
        figures.mishaps.push(mishap);
        Ok(())
    };
    for number in 0..permitted::servers(arguments.quick) {
        match permitted::compare(number, arguments.quick, &workshop) {
            Ok(compared) => figures.permitted.push(compared),
            Err(error) => keep(format!("server {}", number + 1), error)?,
        }
    }
    match climbed::compare(arguments, &workshop) {
        Ok(steps) => figures.steps = steps,
        Err(error) => keep("ladder".to_owned(), error)?,
    }
    figures.took_s = started.elapsed().as_secs_f64();
    output::write("plan", &page::page(&figures), &figures, &arguments.out)
}
