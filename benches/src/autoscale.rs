//! Benchmark `autoscale`: plays the same loads under several scaling policies, beside an oracle that knows the load.
//!
//! It first searches the rate that the smallest group sustains. The loads are multiples of that rate.

pub(crate) mod arguments;
pub(crate) mod load;
mod page;
pub(crate) mod policy;
mod turn;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_analysis::knee::SearchReport;

use self::arguments::AutoscaleArguments;
use crate::autoscale::policy::{FEWEST, Schedule, needed};
use crate::autoscale::turn::{Load, Stage, Turn, changes_of_direction};
use crate::output;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;
use crate::workshop::tenfold_run::{owned, tenfold};

/// Time limit of the search.
const SEARCH: Duration = Duration::from_secs(480);

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AutoscaleFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// CPUs of an application server.
    pub(crate) box_cpu: f64,
    /// Rate that the smallest group sustains, per second.
    pub(crate) sustained: f64,
    /// The loads.
    pub(crate) loads: Vec<LoadFigures>,
    /// Policies under loads, in the order of measurement.
    pub(crate) turns: Vec<Turn>,
    /// Failed turns, with the reason.
    pub(crate) mishaps: Vec<String>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// A load, and the boxes of an oracle that knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoadFigures {
    /// The load.
    pub(crate) load: load::Kind,
    /// Length, in seconds.
    pub(crate) seconds: usize,
    /// Sum of the time of the boxes that the load needs, in seconds.
    pub(crate) oracle_box_seconds: f64,
    /// Largest number of boxes that it needs.
    pub(crate) oracle_boxes_max: u32,
    /// Changes of direction of the number of boxes that it needs.
    pub(crate) oracle_reversals: u32,
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: AutoscaleFigures = output::read("autoscale", folder)?;
    output::write_pages("autoscale", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &AutoscaleArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let began = jiff::Timestamp::now();
    let host = tenfold_probe::host::describe();
    let started = Instant::now();
    let folder = workshop.folder("autoscale")?;
    let stage = Stage {
        workshop: &workshop,
        folder: &folder,
        box_cpu: arguments.box_cpu,
    };
    let sustained = match arguments.sustained {
        Some(given) => given,
        None => search(&stage)?,
    };
    report(&format!("{FEWEST} boxes sustain {sustained:.0}/s"));
    let per_box = sustained / f64::from(FEWEST);
    let mut figures = AutoscaleFigures {
        started_at: format!("{began:.0}"),
        host,
        box_cpu: arguments.box_cpu,
        sustained,
        loads: Vec::new(),
        turns: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let mut lead = Duration::from_secs(15);
    for kind in chosen(&arguments.loads) {
        let text = kind.scenario(sustained)?;
        let rates = load::by_second(&text)?;
        figures.loads.push(oracle(kind, &rates, per_box));
        let load = Load { kind, text, rates };
        let policies = chosen(&arguments.policies).into_iter();
        for policy in policies.filter(|own| kind == load::Kind::Day || !own.knows_the_day()) {
            let what = format!("{}, {}", kind.name(), policy.name());
            match stage.turn(&load, policy, per_box, &mut lead) {
                Ok(turn) => {
                    report(&format!("{what}: {}", page::line(&turn)));
                    figures.turns.push(turn);
                }
                Err(error) if error.is::<Interrupted>() => return Err(error),
                Err(error) => {
                    let mishap = format!("{what}: {error:#}");
                    report(&mishap);
                    figures.mishaps.push(mishap);
                }
            }
        }
    }
    figures.took_s = started.elapsed().as_secs_f64();
    output::write("autoscale", &page::page(&figures), &figures, &arguments.out)
}

/// Returns the chosen variants, or all.
fn chosen<T: clap::ValueEnum + PartialEq>(asked: &[T]) -> Vec<T> {
    let all = T::value_variants().iter();
    all.filter(|own| asked.is_empty() || asked.contains(own))
        .cloned()
        .collect()
}

/// Searches the rate that the smallest group sustains.
fn search(stage: &Stage<'_>) -> anyhow::Result<f64> {
    report("searching the rate that the smallest group sustains");
    let schedule = Schedule::of(&[], 1.0, 0);
    let mut arguments = owned(&["knee", "day", "--json", "--out", "knee"]);
    arguments.extend(stage.arguments(&policy::Kind::Fewest.file(&schedule))?);
    let output = tenfold(stage.workshop, stage.folder, &arguments, SEARCH)?;
    let found: SearchReport =
        serde_json::from_str(&output).with_context(|| format!("no answer: {output}"))?;
    match found.answer.sustained {
        Some(sustained) if sustained > 0.0 => Ok(sustained),
        _ => bail!("no rate was sustained"),
    }
}

/// Returns the boxes of an oracle that knows the load: at each second as many as it needs, ready without delay.
fn oracle(kind: load::Kind, rates: &[f64], per_box: f64) -> LoadFigures {
    let boxes = || rates.iter().map(|rate| needed(*rate, per_box));
    LoadFigures {
        load: kind,
        seconds: rates.len(),
        oracle_box_seconds: boxes().map(f64::from).sum(),
        oracle_boxes_max: boxes().max().unwrap_or(FEWEST),
        oracle_reversals: changes_of_direction(boxes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_has_what_the_load_needs() {
        let own = oracle(load::Kind::Ramp, &[100.0, 250.0, 420.0, 90.0], 100.0);
        assert_eq!(own.oracle_box_seconds, 12.0);
        assert_eq!((own.oracle_boxes_max, own.oracle_reversals), (5, 1));
    }
}
