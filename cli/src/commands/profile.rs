//! `tenfold profile`: find the bottleneck of a service, or compare two profiles.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenfold_analysis::diagnosis::confirmation::ConfirmationOutcome;
use tenfold_analysis::diagnosis::{DiagnosisReport, Resource};
use tenfold_analysis::knee::End;
use tenfold_reports::diagnosis::digest;
use tenfold_run_dir::RunDir;

use crate::arguments::groups::search::SearchArguments;
use crate::arguments::profile::ProfileArguments;
use crate::commands::report::compare_runs;
use crate::exit::{Exit, UsageError};
use crate::output::print;
use crate::trials::experiments::{DIAGNOSIS, experiment, write_diagnosis};
use crate::trials::levers::Levers;
use crate::trials::with_trials;

/// Longest run with `--confirm`. A service counts its calls for a minute, which includes warm-up and start.
const CONFIRMED_MAX: Duration = Duration::from_secs(50);

/// Names the bottleneck of the service, or compares the profiles of two runs.
pub(crate) fn profile(arguments: &ProfileArguments) -> anyhow::Result<Exit> {
    let search = &arguments.search;
    if let Some(other) = &arguments.other {
        return compare(Path::new(&search.scenario), other, search);
    }
    if arguments.confirm && arguments.duration > CONFIRMED_MAX {
        return Err(UsageError(
            "could not confirm with runs of over 50 s: the service counts its calls for a minute at most; give a shorter --duration"
                .to_owned(),
        )
        .into());
    }
    let goal = arguments.goal();
    let mut search = search.clone();
    search.service.stage.allow_delays = arguments.confirm;
    let search = &search;
    let (found, path) = with_trials(search, ("profile", DIAGNOSIS), |trials| {
        let levers = match arguments.confirm {
            // Before any load: what can't be confirmed is an error now, not in two minutes.
            true => Some(Levers::of(trials.service())?),
            false => None,
        };
        let found = trials.search(goal)?;
        experiment(trials, found, arguments.duration, levers.as_ref())
    })?;
    write_diagnosis(&found, &path)?;
    match search.json {
        true => print::json(&found)?,
        false => print::out(&digest(&found).terminal(print::colour()))?,
    }
    print::note(&format!("report: {}", path.join("report.html").display()));
    Ok(exit(&found))
}

/// Compares the profiles of two runs.
fn compare(one: &Path, other: &Path, search: &SearchArguments) -> anyhow::Result<Exit> {
    let runs = [RunDir::open(one).read()?, RunDir::open(other).read()?];
    for run in &runs {
        if run.flamegraph.is_none() {
            return Err(UsageError(format!(
                "the run in {} has no profile; repeat it without --no-profile",
                run.path.display()
            ))
            .into());
        }
    }
    let page = search.out.clone();
    let page = page.unwrap_or_else(|| PathBuf::from("comparison.html"));
    compare_runs(&runs, &page, search.json)?;
    Ok(Exit::Met)
}

fn exit(found: &DiagnosisReport) -> Exit {
    let first = found.diagnosis.bottlenecks.first();
    let confirmation = found.confirmation.as_ref();
    let is_refuted = confirmation.is_some_and(|own| own.outcome == ConfirmationOutcome::Refuted);
    match (found.search.answer.end, first.map(|own| own.resource)) {
        _ if found.interrupted => Exit::Interrupted,
        (End::LowestRate, _) => Exit::SloMissed,
        _ if is_refuted => Exit::Inconclusive,
        (
            _,
            None
            | Some(
                Resource::Generator
                | Resource::NotReached
                | Resource::OtherProcesses
                | Resource::Unknown,
            ),
        ) => Exit::Inconclusive,
        _ => Exit::Met,
    }
}
