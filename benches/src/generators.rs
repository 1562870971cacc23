//! Benchmark `generators`: the rate that one, two and four generators sustain, each in a control group with an equal part of
//! a CPU, and the CPU time of a request.
//!
//! A machine of two cores shows in this way what a bigger one gains by more generators, as long as generators and server fit on it.

pub(crate) mod arguments;
mod page;
mod trial;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_lab::ControlGroups;

use self::arguments::GeneratorsArguments;
use crate::generator::server::{Server, ServerKind};
use crate::output;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::{Workshop, tenfold_binary};
use trial::{Boxes, Trial};

/// Factor that raises the rate while it is sustained.
const RAISE_FACTOR: f64 = 1.25;

/// Halvings of the range between a sustained rate and one that is not: to within 1.6% of the first.
const HALVINGS: u32 = 4;

/// Share of the rate that one generator sustains, times their number, at which the cost is compared.
const COST_SHARE: f64 = 0.8;

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GeneratorsFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// True for a quick check.
    pub(crate) quick: bool,
    /// CPUs of each generator.
    pub(crate) box_cpu: f64,
    /// CPUs of the server.
    pub(crate) server_cpu: f64,
    /// Kind of server.
    pub(crate) server: ServerKind,
    /// Figures of each number of generators, in order.
    pub(crate) counts: Vec<OfCount>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// Figures of one number of generators.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OfCount {
    /// Number of generators.
    pub(crate) generators: u32,
    /// Highest rate that was sustained, per second. `None` if none was.
    pub(crate) sustained_per_s: Option<u32>,
    /// Lowest rate that was not, per second. `None` if all were.
    pub(crate) failed_per_s: Option<u32>,
    /// Trials of the search, in order.
    pub(crate) search: Vec<Trial>,
    /// Trials at the same rate for each generator, in order.
    pub(crate) cost: Vec<Trial>,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: GeneratorsFigures = output::read("generators", folder)?;
    output::write_pages("generators", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &GeneratorsArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let groups = ControlGroups::make().map_err(anyhow::Error::msg);
    let groups = groups.context("could not confine generators and server")?;
    let boxes = Boxes {
        groups: &groups,
        cpu: arguments.box_cpu,
    };
    let began = jiff::Timestamp::now();
    let started = Instant::now();
    let kind = ServerKind::Nginx;
    let server = Server::start(kind, &workshop)?;
    let confined = boxes.confine("server", server.pid(), arguments.server_cpu)?;
    let mut figures = GeneratorsFigures {
        started_at: format!("{began:.0}"),
        host: tenfold_probe::host::describe(),
        quick: arguments.quick,
        box_cpu: arguments.box_cpu,
        server_cpu: arguments.server_cpu,
        server: kind,
        counts: Vec::new(),
        took_s: 0.0,
    };
    let mut bench = Bench {
        workshop: &workshop,
        server: &server,
        boxes: &boxes,
        measured: Duration::from_secs(arguments.seconds()),
    };
    for &generators in &arguments.counts {
        figures
            .counts
            .push(bench.search(generators, arguments.first_rate)?);
    }
    let each = figures
        .counts
        .first()
        .and_then(|first| Some(f64::from(first.sustained_per_s?) / f64::from(first.generators)));
    let Some(each) = each else {
        bail!("no rate was sustained; give a lower --first-rate or a larger --box");
    };
    for _ in 0..arguments.rounds() {
        for own in &mut figures.counts {
            let rate = each * f64::from(own.generators) * COST_SHARE;
            own.cost.push(bench.take(own.generators, rate as u32)?);
        }
    }
    drop(confined);
    figures.took_s = started.elapsed().as_secs_f64();
    output::write(
        "generators",
        &page::page(&figures),
        &figures,
        &arguments.out,
    )
}

/// Environment of all trials.
struct Bench<'a> {
    workshop: &'a Workshop,
    server: &'a Server,
    boxes: &'a Boxes<'a>,
    measured: Duration,
}

impl Bench<'_> {
    /// Takes a trial, and prints its figures.
    fn take(&mut self, generators: u32, rate: u32) -> anyhow::Result<Trial> {
        let trial = trial::take(
            self.workshop,
            self.server,
            self.boxes,
            (generators, rate),
            self.measured,
        );
        let trial = trial.with_context(|| format!("{generators} generators at {rate}/s"))?;
        report(&trial.line());
        Ok(trial)
    }

    /// Searches for the highest rate that a number of generators sustains.
    fn search(&mut self, generators: u32, first_rate: u32) -> anyhow::Result<OfCount> {
        let mut found = OfCount {
            generators,
            sustained_per_s: None,
            failed_per_s: None,
            search: Vec::new(),
            cost: Vec::new(),
        };
        let first = first_rate.saturating_mul(generators);
        while let Some(rate) = next(&found, first) {
            let trial = match self.take(generators, rate) {
                Err(error) if error.is::<Interrupted>() => return Err(error),
                taken => taken?,
            };
            match trial.is_sustained() {
                true => found.sustained_per_s = Some(rate),
                false => found.failed_per_s = Some(rate),
            }
            found.search.push(trial);
        }
        Ok(found)
    }
}

/// Returns the next rate to try. `None` at the end of the search.
fn next(found: &OfCount, first: u32) -> Option<u32> {
    match (found.sustained_per_s, found.failed_per_s) {
        (None, None) => Some(first),
        (None, Some(high)) => (high > 200).then_some(high / 2),
        (Some(low), None) => Some((f64::from(low) * RAISE_FACTOR) as u32),
        (Some(low), Some(high)) => {
            let within = f64::from(low) * (RAISE_FACTOR - 1.0) / f64::from(1 << HALVINGS);
            let middle = low.midpoint(high);
            (f64::from(high - low) > within && low < middle && middle < high).then_some(middle)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_ends_close_to_what_is_sustained() {
        for (first, holds) in [(4_000, 13_700), (4_000, 950), (16_000, 55_555)] {
            let mut found = OfCount {
                generators: 4,
                sustained_per_s: None,
                failed_per_s: None,
                search: Vec::new(),
                cost: Vec::new(),
            };
            let mut trials = 0;
            while let Some(rate) = next(&found, first) {
                trials += 1;
                match rate <= holds {
                    true => found.sustained_per_s = Some(rate),
                    false => found.failed_per_s = Some(rate),
                }
            }
            let (low, high) = (found.sustained_per_s.unwrap(), found.failed_per_s.unwrap());
            assert!(low <= holds && holds < high, "{low} {high}");
            assert!(
                f64::from(high - low) / f64::from(low) < 0.02,
                "{low} {high}"
            );
            assert!(trials < 20);
        }
    }
}
