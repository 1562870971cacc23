//! The knees of two builds, searched in turns.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tenfold_analysis::gate::Side;
use tenfold_analysis::knee::{BuildKnee, End, Goal, KneeChange, KneeComparison, KneeVerdict};
use tenfold_gate::{Build, Subject, Workshop};
use tenfold_loadgen::Interrupt;
use tenfold_measure::Endpoint;
use tenfold_reports::knee::comparison::{digest, page};
use tenfold_reports::knee::page as search_page;
use tenfold_run_dir::RunDir;

use super::ANSWER;
use crate::arguments::groups::search::SearchArguments;
use crate::arguments::knee::KneeArguments;
use crate::builds::{check_dial_options, endpoint};
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::output::{exports, print};
use crate::service::Service;
use crate::trials::{OngoingSearch, Trials, scenario_of, with_trials_of};

/// File with the comparison.
const COMPARISON: &str = "comparison.json";

/// A build of the comparison.
struct Contender {
    side: Side,
    name: String,
    start: Start,
}

/// Source of a build.
enum Start {
    /// It is started for the comparison.
    Build(Build),
    /// It runs already.
    Running(Box<Endpoint>),
}

/// Compares the knees of two builds.
pub(super) fn compare(arguments: &KneeArguments, goal: Goal) -> anyhow::Result<Exit> {
    let builds = &arguments.builds;
    let (Some(baseline), Some(candidate)) = (&builds.baseline, &builds.candidate) else {
        return Err(UsageError(
            "could not compare one build with nothing; give both --baseline and --candidate"
                .to_owned(),
        )
        .into());
    };
    let service = &arguments.search.service;
    if service.target.url.is_some() || service.stage.name.is_some() {
        return Err(UsageError(
            "could not use --target or --stage with two builds; name a running service as --baseline or --candidate"
                .to_owned(),
        )
        .into());
    }
    let interrupt = interrupt::catch()?;
    // A build may take half an hour, so all else is checked first.
    let scenario = scenario_of(&arguments.search)?;
    let path = arguments.search.out.clone().unwrap_or_else(|| {
        tenfold_measure::default_path("runs", &format!("knee-{}", scenario.name))
    });
    if path.join(COMPARISON).exists() {
        return Err(UsageError(format!(
            "{} already has an answer; choose another directory for --out",
            path.display()
        ))
        .into());
    }
    let path =
        std::path::absolute(&path).with_context(|| format!("could not use {}", path.display()))?;
    for side in [Side::Baseline, Side::Candidate] {
        let own = path.join(side.to_string());
        if own
            .read_dir()
            .is_ok_and(|mut entries| entries.next().is_some())
        {
            return Err(UsageError(format!(
                "{} has trials of an earlier comparison; choose another directory for --out",
                own.display()
            ))
            .into());
        }
    }
    let prepare = |side, name: &str| contender(arguments, &path, (side, name), &interrupt);
    let contenders = [
        prepare(Side::Baseline, baseline)?,
        prepare(Side::Candidate, candidate)?,
    ];
    let found = in_turns(arguments, goal, &path, &contenders, &interrupt)?;
    write(&found, &path)?;
    match arguments.search.json {
        true => print::json(&found)?,
        false => print::out(&digest(&found).terminal(print::colour()))?,
    }
    exports::append_step_summary(&digest(&found).markdown());
    print::note(&format!("report: {}", path.join("report.html").display()));
    let ends = [&found.baseline, &found.candidate].map(|own| own.search.answer.end);
    Ok(match found.verdict {
        _ if ends.contains(&End::Stopped) => Exit::Interrupted,
        KneeVerdict::More | KneeVerdict::NotLess => Exit::Met,
        _ if arguments.advisory => Exit::Met,
        KneeVerdict::Less => Exit::SloMissed,
        KneeVerdict::Inconclusive => Exit::Inconclusive,
    })
}

/// Builds a build, or checks that load may be sent to it.
fn contender(
    arguments: &KneeArguments,
    path: &Path,
    (side, name): (Side, &str),
    interrupt: &Interrupt,
) -> anyhow::Result<Contender> {
    let builds = &arguments.builds;
    let service = &arguments.search.service;
    let working = std::env::current_dir().context("could not find the working directory")?;
    let subject = Subject::find(name, &working)?;
    let admin = match side {
        Side::Baseline => &builds.baseline_admin,
        Side::Candidate => &builds.candidate_admin,
    };
    let dial = service.connections.options()?;
    let hosts = &service.permission.hosts;
    let start = match endpoint(&subject, admin.as_deref(), &dial, hosts)? {
        Some(endpoint) => Start::Running(Box::new(endpoint)),
        None => {
            check_dial_options(&dial)?;
            let recipe = builds.recipe();
            std::fs::create_dir_all(path)
                .with_context(|| format!("could not create {}", path.display()))?;
            print::note(&format!("{side}: {subject}"));
            let workshop = Workshop {
                recipe: &recipe,
                working: &working,
                directory: path,
                http: dial.http,
                interrupt,
            };
            Start::Build(Build::prepare(&subject, side, &workshop)?)
        }
    };
    Ok(Contender {
        side,
        name: subject.to_string(),
        start,
    })
}

impl Contender {
    fn start(
        &self,
        arguments: &SearchArguments,
        path: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Service> {
        match &self.start {
            Start::Running(endpoint) => Ok(Service::at(endpoint.as_ref().clone())),
            Start::Build(build) => {
                let started = build.start(&path.join("service.log"), interrupt)?;
                Service::of_command(started, arguments.service.connections.options()?)
            }
        }
    }

    /// Starts the build and does `work` with its trials.
    fn with_trials<T>(
        &self,
        arguments: &KneeArguments,
        path: &Path,
        interrupt: &Interrupt,
        work: impl FnOnce(&Trials<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let own = SearchArguments {
            out: Some(path.join(self.side.to_string())),
            ..arguments.search.clone()
        };
        let start = |_: &_, path: &Path| self.start(&own, path, interrupt);
        let repeated_by = Some(arguments.command());
        let names = ("knee", ANSWER);
        let (done, _) = with_trials_of(&own, names, repeated_by, interrupt, start, |trials| {
            work(trials)
        })?;
        Ok(done)
    }
}

/// Searches both knees, a trial of one after a trial of the other, so that a change of the machine concerns both.
fn in_turns(
    arguments: &KneeArguments,
    goal: Goal,
    path: &Path,
    [baseline, candidate]: &[Contender; 2],
    interrupt: &Interrupt,
) -> anyhow::Result<KneeComparison> {
    baseline.with_trials(arguments, path, interrupt, |of_baseline| {
        candidate.with_trials(arguments, path, interrupt, |of_candidate| {
            let mut searches = [
                OngoingSearch::begin(of_baseline, goal, "baseline  "),
                OngoingSearch::begin(of_candidate, goal, "candidate "),
            ];
            loop {
                let mut goes_on = false;
                for search in &mut searches {
                    goes_on |= search.step()?;
                }
                if of_baseline.is_interrupted() {
                    searches.iter_mut().for_each(OngoingSearch::stop);
                }
                if !goes_on {
                    break;
                }
            }
            let [before, after] = searches;
            let change = KneeChange::between(before.search(), after.search());
            let of = |own: &Contender, search: OngoingSearch<'_>| BuildKnee {
                build: own.name.clone(),
                search: search.report(),
            };
            Ok(KneeComparison::new(
                of(baseline, before),
                of(candidate, after),
                change,
                arguments.min_effect,
            ))
        })
    })
}

/// Writes the comparison, and each search into its own directory.
fn write(found: &KneeComparison, path: &Path) -> anyhow::Result<()> {
    let of = |side: Side| -> PathBuf { path.join(side.to_string()) };
    for (side, own) in [
        (Side::Baseline, &found.baseline),
        (Side::Candidate, &found.candidate),
    ] {
        let directory = RunDir::open(&of(side));
        directory.write_bytes("report.html", search_page(&own.search).html().as_bytes())?;
        directory.write_json(ANSWER, &own.search)?;
    }
    let directory = RunDir::open(path);
    directory.write_bytes("report.html", page(found).html().as_bytes())?;
    directory.write_json(COMPARISON, found)?;
    Ok(())
}
