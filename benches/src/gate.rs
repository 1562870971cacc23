//! How often a gate is wrong, on the machine that this runs on: the course of its measurement.
//!
//! Gates are run end to end, of a build beside itself and beside builds that are slower by a known cause,
//! in an order that the seed shuffles, so that the machine's moods fall on all alike. Their rounds are
//! kept, and thousands of gates more are resampled from those of the build beside itself.

mod effects;
mod end_to_end;
mod figures;
mod kind;
mod page;
mod planted_build;
pub(crate) mod planted_server;
mod proportion;
mod record;
mod resampling;
#[cfg(test)]
pub(crate) mod sample;
mod sizing;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64Mcg;
use tenfold_analysis::words;

pub(crate) use effects::MeasuredEffect;
pub(crate) use figures::{Figures, KindFigures};
pub(crate) use kind::Kind;

use crate::cli::GateArguments;
use crate::gate::end_to_end::GateJob;
use crate::gate::record::{GateRun, Header, Mishap, RECORD_VERSION, Record};
use crate::gate::sizing::Sizing;
use crate::output;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// The budget of a gate of a build beside itself, and of one of processor time.
const BUDGET: Duration = Duration::from_secs(60);

/// The budget of a gate of a wait.
const WAIT_BUDGET: Duration = Duration::from_secs(120);

/// The budget of every gate of a short look.
const QUICK_BUDGET: Duration = Duration::from_secs(40);

/// Gates without an outcome one after the other, after which there is no use in going on.
const MOST_MISHAPS: usize = 3;

/// Gates, resamples, prints the table and stores it.
pub(crate) fn run(arguments: &GateArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let calibration = arguments.calibration.as_deref().map(|file| {
        file.canonicalize()
            .with_context(|| format!("could not read {}", file.display()))
    });
    let calibration = calibration.transpose()?;
    let known = arguments.from.as_deref().map(Record::read).transpose()?;
    let complete = known.as_ref().is_some_and(is_complete);
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), !complete)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let started = Instant::now();
    let mut record = match known {
        Some(record) => record,
        None => begin(arguments, calibration.is_some(), &workshop)?,
    };
    if record.header.calibrated != calibration.is_some() && !complete {
        bail!(
            "the gates so far did not have the same calibration; go on with or without it as they did"
        );
    }
    let gated = gate_all(&mut record, calibration.as_deref(), &workshop);
    if !complete {
        record.add_time(started.elapsed().as_secs_f64())?;
    }
    if gated.is_err() {
        report(&format!(
            "{} gates are kept; go on with `scripts/bench gate --from {}`",
            record.runs.len(),
            record.path().display()
        ));
    }
    gated?;
    report("resampling");
    let figures = Figures::of(&record, arguments.resampled());
    output::write("gate", &page::page(&figures), &figures, &arguments.out)?;
    report(&format!("record: {}", record.path().display()));
    Ok(())
}

/// Sizes what is planted, and begins a record.
fn begin(
    arguments: &GateArguments,
    calibrated: bool,
    workshop: &Workshop,
) -> anyhow::Result<Record> {
    let now = jiff::Timestamp::now();
    let host = tenfold_probe::host::describe();
    let (budget, wait_budget) = match arguments.quick {
        true => (QUICK_BUDGET, QUICK_BUDGET),
        false => (BUDGET, WAIT_BUDGET),
    };
    report("measuring what a request of the planted server costs");
    let sizing = Sizing::measure(workshop, budget, arguments.seed)?;
    report(&format!(
        "{} us of processor time a request, {} of it arithmetic; mean response time {} us",
        words::significant(sizing.cpu_us),
        words::percent(sizing.work_share),
        words::significant(sizing.response_us)
    ));
    let header = Header {
        version: RECORD_VERSION,
        started_at: format!("{now:.0}"),
        host,
        seed: arguments.seed,
        gates: arguments.gates(),
        detections: arguments.detections(),
        budget_s: budget.as_secs(),
        wait_budget_s: wait_budget.as_secs(),
        calibrated,
        quick: arguments.quick,
        sizing,
    };
    let name = format!("gate-{}.jsonl", now.strftime("%Y-%m-%dT%H-%M-%SZ"));
    Record::begin(&workshop.cache().join(name), header)
}

/// Runs the gates that are left.
fn gate_all(
    record: &mut Record,
    calibration: Option<&Path>,
    workshop: &Workshop,
) -> anyhow::Result<()> {
    let order = order(&record.header);
    let mut mishaps = 0;
    for (index, kind) in order.iter().copied().enumerate() {
        if record.has(index) {
            continue;
        }
        let header = &record.header;
        let job = GateJob {
            baseline: header.sizing.baseline,
            candidate: header.sizing.candidate(kind),
            budget: Duration::from_secs(header.budget_s(kind)),
            seed: header.seed.wrapping_add(1 + index as u64),
            calibration,
        };
        let what = format!("gate {}/{}, {}", index + 1, order.len(), kind.name());
        match end_to_end::run(&job, workshop) {
            Ok(outcome) => {
                mishaps = 0;
                report(&format!(
                    "{what}: {} after {:.0} s. {}",
                    outcome.verdict, outcome.elapsed_s, outcome.sentence
                ));
                record.add(GateRun {
                    index,
                    kind,
                    outcome,
                })?;
            }
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                mishaps += 1;
                let reason = format!("{error:#}");
                report(&format!("{what}: {reason}"));
                record.add_mishap(Mishap {
                    index,
                    kind,
                    reason: reason.clone(),
                })?;
                if mishaps >= MOST_MISHAPS {
                    bail!("{mishaps} gates one after the other told no outcome: {reason}");
                }
            }
        }
    }
    Ok(())
}

/// The gates in the order in which they are run: it follows from the seed.
fn order(header: &Header) -> Vec<Kind> {
    let of = |kind| {
        let number = match kind {
            Kind::Unchanged => header.gates,
            Kind::Cpu | Kind::Wait => header.detections,
        };
        (0..number).map(move |_| kind)
    };
    let mut order: Vec<Kind> = Kind::ALL.into_iter().flat_map(of).collect();
    order.shuffle(&mut Pcg64Mcg::seed_from_u64(header.seed));
    order
}

fn is_complete(record: &Record) -> bool {
    (0..order(&record.header).len()).all(|index| record.has(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_follows_from_the_seed() {
        let mut header = sample::header();
        header.gates = 40;
        header.detections = 20;
        let one = order(&header);
        assert_eq!(one.len(), 80);
        let cpu = one.iter().filter(|kind| **kind == Kind::Cpu).count();
        assert_eq!(cpu, 20);
        assert_eq!(one, order(&header));
        header.seed += 1;
        assert_ne!(one, order(&header));
    }

    #[test]
    fn a_record_is_complete_when_every_gate_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gate.jsonl");
        let mut record = Record::begin(&path, sample::header()).unwrap();
        for (index, kind) in order(&record.header.clone()).into_iter().enumerate() {
            assert!(!is_complete(&record));
            let rounds = sample::rounds(16, 0.02, &[], 1);
            record.add(sample::run(index, kind, rounds)).unwrap();
        }
        assert!(is_complete(&record));
    }
}
