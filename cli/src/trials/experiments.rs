//! The experiments of a diagnosis: runs at a low load, near the knee and above it, with profiles.

use std::path::Path;
use std::time::Duration;

use tenfold_analysis::diagnosis::{Diagnosis, DiagnosisReport, Experiments, diagnose};
use tenfold_analysis::format;
use tenfold_analysis::knee::{End, OutcomeName, SearchReport, TrialReport};

use tenfold_reports::diagnosis::page;
use tenfold_run_dir::RunDir;

use super::confirmation::confirm;
use super::levers::Levers;
use super::{Measured, Trial, Trials};
use crate::output::print;

/// File with the diagnosis.
pub(crate) const DIAGNOSIS: &str = "diagnosis.json";

/// Share of the knee that is a low load: requests hardly wait for each other there.
const LOW: f64 = 0.3;

/// Share of the knee of the run below it.
const NEAR: f64 = 0.9;

/// Multiple of the knee of the run above it: enough for a queue that shows within seconds.
pub(super) const ABOVE: f64 = 1.25;

/// Warm-up of each experiment.
const WARM_UP: Duration = Duration::from_secs(2);

/// Measures the service at a low load, near its knee and above it, and diagnoses it.
pub(crate) fn experiment(
    trials: &Trials<'_>,
    search: SearchReport,
    duration: Duration,
    levers: Option<&Levers<'_>>,
) -> anyhow::Result<DiagnosisReport> {
    let interrupted = search.answer.end == End::Stopped;
    let unfinished = |search: SearchReport, experiments, interrupted| DiagnosisReport {
        version: 1,
        interrupted,
        diagnosis: Diagnosis {
            sustained: search.answer.sustained,
            failed: search.answer.failed,
            bottlenecks: Vec::new(),
        },
        experiments,
        confirmation: None,
        search,
    };
    let answer = &search.answer;
    if answer.failed.is_none() && matches!(answer.end, End::HighestRate | End::Generator) {
        return Ok(DiagnosisReport {
            diagnosis: Diagnosis::without_knee(&search),
            ..unfinished(search, Vec::new(), false)
        });
    }
    let Some(knee) = answer.knee().filter(|_| !interrupted) else {
        return Ok(unfinished(search, Vec::new(), interrupted));
    };
    let rates = [("low", LOW), ("near", NEAR), ("above", ABOVE)]
        .map(|(name, share)| (name, (knee * share).max(1.0).min(trials.rate_max())));
    print::note(&format!(
        "profiling: {}",
        tenfold_reports::diagnosis::plan(rates)
    ));
    let mut measured: Vec<Measured> = Vec::new();
    let mut reports = Vec::new();
    let mut slowable = None;
    for (name, rate) in rates {
        let trial = Trial {
            rate,
            warm_up: WARM_UP,
            duration,
            directory: name.to_owned(),
            profiles: true,
            users: None,
        };
        let counted = match (name, levers) {
            ("low", Some(levers)) => Some(levers.count()?),
            _ => None,
        };
        let run = trials.measure(&trial);
        if trials.is_interrupted() {
            return Ok(unfinished(search, reports, true));
        }
        let run = run?;
        if let (Some(counted), Some(levers)) = (counted, levers) {
            slowable = Some(levers.components(&counted, knee / rate)?);
            // The other runs are not to pay for the counting.
            levers.restore();
        }
        trials.pause_after(run.outcome, rate);
        reports.push(TrialReport {
            directory: trial.directory.into(),
            rate,
            duration_s: duration.as_secs_f64(),
            after_overload: measured
                .last()
                .is_some_and(|before| !before.outcome.is_sustained()),
            outcome: OutcomeName::of(run.outcome),
            figures: run.figures.clone(),
        });
        measured.push(run);
    }
    let [low, near, above] = measured.as_slice() else {
        return Ok(unfinished(search, reports, false));
    };
    let of = |own: &'_ Measured| format::rate(own.figures.achieved);
    print::note(&format!(
        "answered: low {}, near {}, above {}",
        of(low),
        of(near),
        of(above)
    ));
    let experiments = Experiments {
        low: (&low.run, &low.summary),
        near: (&near.run, &near.summary),
        above: (&above.run, &above.summary),
    };
    let diagnosis = diagnose(&search.answer, &experiments);
    let confirmation = match (levers, slowable, diagnosis.bottlenecks.first()) {
        (Some(levers), Some(slowable), Some(bottleneck)) => {
            // The diagnosis stands without it.
            confirm(trials, levers, slowable, bottleneck, (knee, low, duration)).unwrap_or_else(
                |error| {
                    print::note(&format!(
                        "note: the bottleneck was not confirmed: {error:#}"
                    ));
                    None
                },
            )
        }
        _ => None,
    };
    Ok(DiagnosisReport {
        version: 1,
        interrupted: trials.is_interrupted(),
        diagnosis,
        experiments: reports,
        confirmation,
        search,
    })
}

/// Writes a diagnosis as JSON and as a page into its directory.
pub(crate) fn write_diagnosis(found: &DiagnosisReport, path: &Path) -> anyhow::Result<()> {
    let directory = RunDir::open(path);
    directory.write_bytes("report.html", page(found).html().as_bytes())?;
    directory.write_json(DIAGNOSIS, found)?;
    Ok(())
}
