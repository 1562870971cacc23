//! Benchmark `gate`: measures how often a gate is wrong on this machine.
//!
//! Runs gates end to end, of a build against itself and against builds with a planted slowdown, in an order
//! shuffled with the seed, so that changes of the machine affect all kinds equally. Their rounds are
//! recorded, and thousands of further gates are resampled from those of the build against itself.

pub(crate) mod arguments;
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
use tenfold_analysis::format;

pub(crate) use effects::MeasuredEffect;
pub(crate) use figures::{Figures, KindFigures};
pub(crate) use kind::Kind;

use self::arguments::GateArguments;
use crate::gate::end_to_end::GateJob;
use crate::gate::record::{GateRun, Header, Mishap, RECORD_VERSION, Record};
use crate::gate::sizing::Sizing;
use crate::output;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Budget of a gate of a build against itself, and of one with planted CPU time.
const BUDGET: Duration = Duration::from_secs(60);

/// Budget of a gate with a planted wait.
const WAIT_BUDGET: Duration = Duration::from_secs(120);

/// Budget of every gate of a quick check.
const QUICK_BUDGET: Duration = Duration::from_secs(40);

/// Number of consecutive gates without an outcome after which the benchmark stops.
const FAILURES_MAX: usize = 3;

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures = output::read::<Figures>("gate", folder)?.with_goals();
    output::write_pages("gate", &page::page(&figures), folder)
}

/// Runs the benchmark, prints its page and writes its files.
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
            "the recorded gates ran {} a calibration; continue in the same way",
            if record.header.calibrated {
                "with"
            } else {
                "without"
            }
        );
    }
    let gated = gate_all(&mut record, calibration.as_deref(), &workshop);
    if !complete {
        record.add_time(started.elapsed().as_secs_f64())?;
    }
    if gated.is_err() {
        report(&format!(
            "{} gates are recorded; continue with `scripts/bench gate --from {}`",
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

/// Measures the cost of a request, and starts a record.
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
    report("measuring the cost of a request of the planted server");
    let sizing = Sizing::measure(workshop, budget, arguments.seed)?;
    report(&format!(
        "{} us of CPU time per request, {} of it arithmetic; mean response time {} us",
        format::significant(sizing.cpu_us),
        format::percent(sizing.work_share),
        format::significant(sizing.response_us)
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

/// Runs the remaining gates.
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
                if mishaps >= FAILURES_MAX {
                    bail!("{mishaps} consecutive gates had no outcome: {reason}");
                }
            }
        }
    }
    Ok(())
}

/// Returns the order of the gates, which depends only on the header.
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
    fn order_depends_on_seed() {
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
    fn record_is_complete_after_last_gate() {
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
