//! `tenfold gate`: compare two builds of a service.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tenfold_analysis::gate::{GateOutcome, Pair, Settings};
use tenfold_analysis::history::{HistoryEntry, trends};
use tenfold_analysis::stats::ChangePointSettings;
use tenfold_gate::{CalibrationFile, Endpoint, Options, Recipe, Step, Subject};
use tenfold_loadgen::{DialOptions, Target};
use tenfold_reports::export::{Export, json};
use tenfold_reports::gate::formats::{GateResults, HTML, JSON};
use tenfold_reports::gate::{Attachments, digest};
use tenfold_reports::history::{self, History};
use tenfold_scenarios::{Overrides, Scenario};

use crate::commands::run::default_path;
use crate::exit::{Exit, Misuse};
use crate::gate_arguments::GateArguments;
use crate::manifest::{describe_gate, tool};
use crate::{exports, host_guard, interrupt, library, print};

/// The share of `--min-effect` that an estimate must be above to fail, where none is given: an estimate
/// of a slowdown lies below it as often as above.
const FAIL_ABOVE: f64 = 0.5;

/// The probability with which `--min-effect` is to be found.
const POWER: f64 = 0.95;

/// The scenario where none is named.
const SCENARIO: &str = "uneven";

/// Compares two builds, calibrates, or shows a history.
pub(crate) fn gate(arguments: &GateArguments) -> anyhow::Result<Exit> {
    if arguments.candidate.is_none() && !arguments.calibrate {
        return match &arguments.history {
            // Half of a comparison is one that somebody meant to make.
            Some(file) if arguments.baseline.is_none() && arguments.scenario.is_none() => {
                show(file, arguments)
            }
            Some(_) => Err(Misuse(
                "could not compare without a candidate; give the build that is judged with --candidate, or \
                 --history alone to see what it holds"
                    .to_owned(),
            )
            .into()),
            None => Err(Misuse(
                "could not tell what to compare; give --baseline and --candidate, or --baseline with \
                 --calibrate, or --history alone"
                    .to_owned(),
            )
            .into()),
        };
    }
    let Some(baseline) = &arguments.baseline else {
        return Err(Misuse(
            "could not compare without a baseline; give the build that is known with --baseline"
                .to_owned(),
        )
        .into());
    };
    let candidate = arguments.candidate.as_ref().unwrap_or(baseline);
    for export in &arguments.export {
        export.check()?;
    }
    let scenario = library::find(arguments.scenario.as_deref().unwrap_or(SCENARIO))?;
    let scenario = scenario.with(&Overrides {
        rate: arguments.rate,
        users: arguments.users,
        seed: arguments.seed,
        duration: None,
    })?;
    let working = std::env::current_dir().context("could not find the working directory")?;
    let baseline = Subject::find(baseline, &working)?;
    let candidate = Subject::find(candidate, &working)?;
    let endpoints = Pair {
        baseline: endpoint(&baseline, arguments.baseline_admin.as_deref(), arguments)?,
        candidate: endpoint(&candidate, arguments.candidate_admin.as_deref(), arguments)?,
    };
    let dial = arguments.connecting.options()?;
    if !matches!((&baseline, &candidate), (Subject::Url(_), Subject::Url(_))) {
        suits_builds(&dial)?;
    }
    let directory = arguments
        .out
        .clone()
        .unwrap_or_else(|| default_path("gates", &scenario.name));
    let interrupt = interrupt::catch()?;
    let describe = |scenario: &Scenario, target: &str| describe_gate(scenario, target);
    let mut on_step = |step: &Step| print::note(&told(step));
    let options = Options {
        scenario,
        baseline,
        candidate,
        endpoints,
        recipe: Recipe {
            build: arguments.build.clone(),
            build_within: arguments.build_within,
            start: arguments.start.clone(),
            ready_path: arguments.ready.clone(),
            ready_within: arguments.ready_within,
        },
        dial,
        working,
        directory: absolute(&directory)?,
        settings: settings(arguments),
        budget: arguments.budget,
        round: arguments.round,
        rounds_per_epoch: usize::from(arguments.rounds_per_restart),
        warm_up: arguments.warm_up,
        leak_limit_mib_per_min: arguments.leak_limit,
        calibration: match arguments.calibrate {
            true => None,
            false => CalibrationFile::read(&arguments.calibration)?,
        },
        advisory: arguments.advisory,
        tool: tool(),
        interrupt,
        describe: &describe,
        on_step: &mut on_step,
    };
    if arguments.calibrate {
        let (outcome, file) = tenfold_gate::calibration(options)?;
        write(&outcome, &directory, arguments)?;
        if let Some(file) = file {
            file.write(&arguments.calibration)?;
            print::note(&format!("calibration: {}", arguments.calibration.display()));
        }
        return Ok(Exit::Code(outcome.exit_code));
    }
    let outcome = tenfold_gate::gate(options)?;
    write(&outcome, &directory, arguments)?;
    if let Some(file) = &arguments.history {
        history::append(file, &HistoryEntry::of_gate(&outcome))?;
        print::note(&format!("history: {}", file.display()));
    }
    Ok(Exit::Code(outcome.exit_code))
}

fn settings(arguments: &GateArguments) -> Settings {
    Settings {
        alpha: arguments.alpha,
        power: POWER,
        min_effect: arguments.min_effect,
        tolerance: arguments.tolerance,
        fail_above: Some(
            arguments
                .fail_above
                .unwrap_or(arguments.min_effect * FAIL_ABOVE),
        ),
        ..Settings::default()
    }
}

/// Refuses options of connections that mean nothing for builds that are started here, before one is made.
fn suits_builds(dial: &DialOptions) -> anyhow::Result<()> {
    "http://127.0.0.1:80"
        .parse::<Target>()?
        .with(dial.clone())?;
    Ok(())
}

/// Where a subject that is a URL answers, once it is clear that load may be sent there.
fn endpoint(
    subject: &Subject,
    admin: Option<&str>,
    arguments: &GateArguments,
) -> anyhow::Result<Option<Endpoint>> {
    let Subject::Url(url) = subject else {
        return match admin {
            Some(admin) => Err(Misuse(format!(
                "could not use {admin} for `{subject}`, which is started here; put {{admin_port}} into \
                 its command instead"
            ))
            .into()),
            None => Ok(None),
        };
    };
    let target = url
        .parse::<Target>()?
        .with(arguments.connecting.options()?)?;
    // Each of two URLs is given the permission that names it.
    let hosts = arguments.i_may_test_this_host.iter();
    let granted: Vec<String> = hosts
        .filter(|host| *host == target.host())
        .cloned()
        .collect();
    let cleared = host_guard::clear(target, admin, &granted)?;
    Ok(Some(Endpoint {
        target: cleared.target().clone(),
        admin: cleared.admin().cloned(),
        pid: None,
    }))
}

/// Writes what came out, and prints it.
fn write(outcome: &GateOutcome, directory: &Path, arguments: &GateArguments) -> anyhow::Result<()> {
    let mut attachments = Attachments::read(directory, outcome);
    attachments.report = arguments.report_url.clone();
    let results = GateResults {
        outcome,
        attachments: &attachments,
        directory,
    };
    for format in [&JSON, &HTML] {
        Export::new(format).write(&results)?;
    }
    for export in &arguments.export {
        export.write(&results)?;
    }
    let digest = digest(outcome, &attachments);
    exports::to_step_summary(&digest.markdown());
    if arguments.json {
        print::json(outcome)?;
    } else {
        print::out(&digest.terminal(print::colour()))?;
    }
    print::note(&format!(
        "report: {}",
        directory.join(HTML.default_file).display()
    ));
    Ok(())
}

/// Shows the trends of a history.
fn show(file: &Path, arguments: &GateArguments) -> anyhow::Result<Exit> {
    let parsed = history::read(file)?;
    let trends = trends(&parsed.entries, &ChangePointSettings::default());
    if arguments.json {
        print::out(&json::render(&History {
            history: &trends,
            problems: &parsed.problems,
        })?)?;
    } else {
        let digest = history::digest(&trends, &parsed.problems);
        print::out(&digest.terminal(print::colour()))?;
    }
    let report = file.with_extension("html");
    let page = history::page(&trends, &parsed.problems).html();
    tenfold_run_dir::write_atomic(&report, page.as_bytes())
        .with_context(|| format!("could not write {}", report.display()))?;
    print::note(&format!("report: {}", report.display()));
    Ok(Exit::Met)
}

fn told(step: &Step) -> String {
    match step {
        Step::Build(side, subject) => format!("{side}: {subject}"),
        Step::Check => "setting the baseline beside itself".to_owned(),
        Step::Measure { rounds, of } => match of {
            Some(of) => format!("round {} of at most {of}", rounds + 1),
            None => format!("round {}", rounds + 1),
        },
        Step::Profile => "slower: profiling both".to_owned(),
    }
}

/// A path that stays what it is for children that run elsewhere.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("could not use {}", path.display()))
}

#[cfg(test)]
mod tests {
    use tenfold_analysis::gate::Side;

    use super::*;

    #[test]
    fn steps_are_told_in_a_line() {
        let build = Step::Build(Side::Baseline, "main (0123456789)".to_owned());
        assert_eq!(told(&build), "baseline: main (0123456789)");
        let measure = Step::Measure {
            rounds: 4,
            of: Some(40),
        };
        assert_eq!(told(&measure), "round 5 of at most 40");
    }
}
