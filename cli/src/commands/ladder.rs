//! `tenfold ladder`: climb the stages of the reference service, or the steps of a file, and report the gain of each.

use std::path::Path;
use std::time::{Duration, Instant};

use tenfold_analysis::format;
use tenfold_analysis::ladder::{LadderReport, Skipped, Step};
use tenfold_lab::LabError;
use tenfold_reports::ladder::{digest, page};
use tenfold_run_dir::RunDir;

use crate::arguments::ladder::LadderArguments;
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::ladder::LADDER;
use crate::ladder::climb::{Climb, Planned, Start};
use crate::output::print;

/// Climbs.
pub(crate) fn ladder(arguments: &LadderArguments) -> anyhow::Result<Exit> {
    let climb = Climb::of(arguments)?;
    let path = arguments.out.clone().unwrap_or_else(|| {
        tenfold_measure::default_path("runs", &format!("ladder-{}", climb.scenario.name))
    });
    let mut report = climb.begin_or_resume(&path)?;
    std::fs::create_dir_all(&path)
        .map_err(|error| UsageError(format!("could not create {}: {error}", path.display())))?;
    let interrupt = interrupt::catch()?;
    let began = Instant::now();
    report.ended_because = None;
    write(&report, &path)?;
    let mut is_interrupted = false;
    while let Some(planned) = climb.next(&report) {
        if *interrupt.borrow() {
            is_interrupted = true;
            break;
        }
        if began.elapsed() >= arguments.budget {
            report.ended_because = Some(format!(
                "the budget of {} was over before `{}`; to resume, repeat the command with --out {}",
                minutes(arguments.budget),
                planned.name,
                path.display()
            ));
            break;
        }
        print::note(&format!(
            "step {}: {}. {}",
            report.steps.len() + 1,
            planned.name,
            planned.change
        ));
        match climb.take(&planned, &report, &path, &interrupt) {
            Ok(Some(step)) => {
                print::note(&said(&report, &step));
                report.steps.push(step);
                is_interrupted = *interrupt.borrow();
            }
            Ok(None) => {
                is_interrupted = true;
                break;
            }
            Err(error) if *interrupt.borrow() => {
                print::note(&format!("{error:#}"));
                is_interrupted = true;
                break;
            }
            Err(error) => match missing(&error, &planned) {
                Some(skipped) => {
                    print::note(&format!("skipped {}: {}", skipped.name, skipped.because));
                    report.skipped.push(skipped);
                }
                None => return Err(error),
            },
        }
        write(&report, &path)?;
        if is_interrupted {
            break;
        }
    }
    report.finished = climb.next(&report).is_none();
    write(&report, &path)?;
    match arguments.json {
        true => print::json(&report)?,
        false => print::out(&digest(&report).terminal(print::colour()))?,
    }
    print::note(&format!("report: {}", path.join("report.html").display()));
    Ok(match report.highest() {
        _ if is_interrupted => Exit::Interrupted,
        _ if !report.finished => Exit::Inconclusive,
        None => Exit::SloMissed,
        Some(_) => Exit::Met,
    })
}

/// Formats a budget: `30 min`, `45 s`.
fn minutes(budget: Duration) -> String {
    match budget.as_secs() {
        seconds if seconds >= 60 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format::duration_of(budget.as_nanos() as f64),
    }
}

fn write(report: &LadderReport, path: &Path) -> anyhow::Result<()> {
    let directory = RunDir::open(path);
    directory.write_bytes("report.html", page(report).html().as_bytes())?;
    directory.write_json(LADDER, report)?;
    Ok(())
}

/// Returns a line about a step that was taken.
fn said(report: &LadderReport, step: &Step) -> String {
    let sustained = step
        .sustained
        .map_or("no rate sustained".to_owned(), |rate| {
            format!("sustains {}", format::rate(rate))
        });
    let gained = report
        .gained(step)
        .map_or(String::new(), |gained| format!(", {}", gained.text()));
    let first = step
        .bottleneck
        .as_ref()
        .map_or(String::new(), |own| format!(". {}", own.title));
    format!("  {sustained}{gained}{first}")
}

/// Returns the stage of a step that lacks a component, or is not in this binary. `None` for any other error.
fn missing(error: &anyhow::Error, planned: &Planned) -> Option<Skipped> {
    let Start::Stage(configuration) = &planned.start else {
        return None;
    };
    let lacks = error
        .downcast_ref::<LabError>()
        .is_some_and(|error| matches!(error, LabError::MissingProgram(_)));
    lacks.then(|| Skipped {
        name: configuration.stage.to_owned(),
        because: format!("{error:#}"),
    })
}
