//! `tenfold gate`: compare two builds of a service.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tenfold_analysis::gate::{GateOutcome, Pair, Settings};
use tenfold_analysis::history::{HistoryEntry, trends};
use tenfold_gate::{CalibrationFile, Options, Step, Subject};
use tenfold_reports::export::{Export, json};
use tenfold_reports::gate::formats::{GateResults, HTML, JSON};
use tenfold_reports::gate::{Attachments, digest};
use tenfold_reports::history::{self, History};
use tenfold_scenarios::Scenario;
use tenfold_stats::ChangePointSettings;

use crate::arguments::gate::GateArguments;
use crate::builds::{check_dial_options, endpoint};
use crate::exit::{Exit, UsageError};
use crate::output::run_report::write_html;
use crate::output::{exports, print};
use crate::{interrupt, library};

/// Default of `--fail-above`, as a share of `--min-effect`. Half of the estimates of a slowdown lie below
/// its true size, so a limit at `--min-effect` itself would miss half of them.
pub(crate) const FAIL_ABOVE: f64 = 0.5;

/// Probability with which a slowdown of `--min-effect` is found.
pub(crate) const POWER: f64 = 0.95;

/// Default scenario.
const SCENARIO: &str = "uneven";

/// Compares two builds, calibrates, or shows a history.
pub(crate) fn gate(arguments: &GateArguments) -> anyhow::Result<Exit> {
    let builds = &arguments.builds;
    if builds.candidate.is_none() && !arguments.calibration.calibrate {
        return match &arguments.output.history {
            // With half of a comparison, one was probably intended.
            Some(file) if builds.baseline.is_none() && arguments.scenario.is_none() => {
                show_history(file, arguments.output.json)
            }
            Some(_) => Err(UsageError(
                "could not compare without a candidate; give the build to judge with --candidate, or \
                 only --history to show a history"
                    .to_owned(),
            )
            .into()),
            None => Err(UsageError(
                "could not compare anything; give --baseline and --candidate, or --baseline and \
                 --calibrate, or only --history"
                    .to_owned(),
            )
            .into()),
        };
    }
    let Some(baseline) = &builds.baseline else {
        return Err(UsageError(
            "could not compare without a baseline; give the build to compare with as --baseline"
                .to_owned(),
        )
        .into());
    };
    for export in &arguments.output.export {
        export.check()?;
    }
    let scenario = library::find(arguments.scenario.as_deref().unwrap_or(SCENARIO))?
        .with(&arguments.load.overrides())?;
    let directory = arguments
        .output
        .out
        .clone()
        .unwrap_or_else(|| tenfold_measure::default_path("gates", &scenario.name));
    let mut on_step = |step: &Step| print::note(&describe_step(step));
    let options = options(arguments, scenario, baseline, &directory, &mut on_step)?;
    if arguments.calibration.calibrate {
        let (outcome, file) = tenfold_gate::calibration(options)?;
        write(&outcome, &directory, arguments)?;
        if let Some(file) = file {
            let path = &arguments.calibration.file;
            file.write(path)?;
            print::note(&format!("calibration: {}", path.display()));
        }
        return Ok(Exit::Code(outcome.exit_code));
    }
    let outcome = tenfold_gate::gate(options)?;
    write(&outcome, &directory, arguments)?;
    if let Some(file) = &arguments.output.history {
        history::append(file, &HistoryEntry::of_gate(&outcome))?;
        print::note(&format!("history: {}", file.display()));
    }
    Ok(Exit::Code(outcome.exit_code))
}

fn options<'a>(
    arguments: &GateArguments,
    scenario: Scenario,
    baseline: &str,
    directory: &Path,
    on_step: &'a mut dyn FnMut(&Step),
) -> anyhow::Result<Options<'a>> {
    let builds = &arguments.builds;
    let rounds = &arguments.rounds;
    let working = std::env::current_dir().context("could not find the working directory")?;
    let candidate = builds.candidate.as_deref().unwrap_or(baseline);
    let baseline = Subject::find(baseline, &working)?;
    let candidate = Subject::find(candidate, &working)?;
    let dial = arguments.connections.options()?;
    let hosts = &arguments.permission.hosts;
    let endpoints = Pair {
        baseline: endpoint(&baseline, builds.baseline_admin.as_deref(), &dial, hosts)?,
        candidate: endpoint(&candidate, builds.candidate_admin.as_deref(), &dial, hosts)?,
    };
    if !matches!((&baseline, &candidate), (Subject::Url(_), Subject::Url(_))) {
        check_dial_options(&dial)?;
    }
    Ok(Options {
        scenario,
        baseline,
        candidate,
        endpoints,
        recipe: builds.recipe(),
        dial,
        working,
        directory: absolute(directory)?,
        settings: settings(arguments),
        budget: rounds.budget,
        round: rounds.round,
        rounds_per_epoch: usize::from(rounds.rounds_per_restart),
        warm_up: rounds.warm_up,
        leak_limit_mib_per_min: arguments.decision.leak_limit,
        calibration: match arguments.calibration.calibrate {
            true => None,
            false => CalibrationFile::read(&arguments.calibration.file)?,
        },
        advisory: arguments.decision.advisory,
        interrupt: interrupt::catch()?,
        on_step,
    })
}

fn settings(arguments: &GateArguments) -> Settings {
    let decision = &arguments.decision;
    let fail_above = decision.min_effect * FAIL_ABOVE;
    Settings {
        alpha: decision.alpha,
        power: POWER,
        min_effect: decision.min_effect,
        tolerance: decision.tolerance,
        fail_above: Some(decision.fail_above.unwrap_or(fail_above)),
        ..Settings::default()
    }
}

/// Writes the outcome everywhere, and prints it.
fn write(outcome: &GateOutcome, directory: &Path, arguments: &GateArguments) -> anyhow::Result<()> {
    let output = &arguments.output;
    let mut attachments = Attachments::read(directory, outcome);
    attachments.report = output.report_url.clone();
    let results = GateResults {
        outcome,
        attachments: &attachments,
        directory,
    };
    for format in [&JSON, &HTML] {
        Export::new(format).write(&results)?;
    }
    for export in &output.export {
        match export.write(&results) {
            Err(error) if export.is_to_standard_output() && print::is_unread(&error) => {}
            written => drop(written?),
        }
    }
    let digest = digest(outcome, &attachments);
    exports::append_step_summary(&digest.markdown());
    if output.json {
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
fn show_history(file: &Path, as_json: bool) -> anyhow::Result<Exit> {
    if !file.exists() {
        return Err(UsageError(format!(
            "there is no history {}; a gate with --history writes one",
            file.display()
        ))
        .into());
    }
    let parsed = history::read(file)?;
    let trends = trends(&parsed.entries, &ChangePointSettings::default());
    if as_json {
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
    write_html(&report, &page)?;
    print::note(&format!("report: {}", report.display()));
    Ok(Exit::Met)
}

/// Describes the next step of a gate in one line.
fn describe_step(step: &Step) -> String {
    match step {
        Step::Build(side, subject) => format!("{side}: {subject}"),
        Step::Check => "comparing the baseline with itself".to_owned(),
        Step::Measure { rounds, of } => match of {
            Some(of) => format!("round {} of at most {of}", rounds + 1),
            None => format!("round {}", rounds + 1),
        },
        Step::Profile => "the candidate is slower: profiling both builds".to_owned(),
    }
}

/// Makes a path absolute, for child processes that run in other directories.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("could not use {}", path.display()))
}

#[cfg(test)]
mod tests {
    use tenfold_analysis::gate::Side;

    use super::*;

    #[test]
    fn describes_steps_in_one_line() {
        let build = Step::Build(Side::Baseline, "main (0123456789)".to_owned());
        assert_eq!(describe_step(&build), "baseline: main (0123456789)");
        let measure = Step::Measure {
            rounds: 4,
            of: Some(40),
        };
        assert_eq!(describe_step(&measure), "round 5 of at most 40");
    }
}
