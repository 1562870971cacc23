//! `tenfold knee`: find the highest rate that a service sustains.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_analysis::knee::{Answer, Attempt, End, Goal, Outcome, Search, judge_trial};
use tenfold_analysis::{Summary, format, summarise};
use tenfold_loadgen::Interrupt;
use tenfold_measure::{Invocation, Measurement, Observer, Probe};
use tenfold_run_dir::RunDir;
use tenfold_scenarios::{Rate, Scenario};

use crate::arguments::knee::KneeArguments;
use crate::exit::{Exit, UsageError};
use crate::output::print;
use crate::output::run_report::RunReport;
use crate::service::{Service, Subject};
use crate::{interrupt, library};

/// Warm-up of the first trial, which also fills caches and opens connections.
const FIRST_WARM_UP: Duration = Duration::from_secs(3);

/// Warm-up of every other trial.
const WARM_UP: Duration = Duration::from_secs(1);

/// Pause after a trial that was sustained.
const PAUSE: Duration = Duration::from_millis(300);

/// Pause after any other trial, for the service to answer its backlog.
const PAUSE_AFTER_OVERLOAD: Duration = Duration::from_secs(2);

/// Users for each request a second, so that answers may take this many seconds.
const USERS_PER_RATE: f64 = 0.5;

/// Highest number of users unless `--users` is given: more hardly fit into the memory of a small machine.
const USERS_MAX: f64 = 20_000.0;

/// File with the answer.
const ANSWER: &str = "knee.json";

/// Finds the knee.
pub(crate) fn knee(arguments: &KneeArguments) -> anyhow::Result<Exit> {
    let overrides = arguments.load.overrides();
    let mut scenario = library::find(&arguments.scenario)?.with(&overrides)?;
    if !arguments.rules.is_empty() {
        scenario = scenario.with_rules(&arguments.rules)?;
    }
    // A scenario without a rate is an error before anything is started.
    let start = scenario.mean_rate();
    trial_scenario(&scenario, start.max(1.0), WARM_UP, WARM_UP)?;
    let subject = Subject::of(&arguments.service)?;
    let path = arguments.out.clone().unwrap_or_else(|| {
        tenfold_measure::default_path("runs", &format!("knee-{}", scenario.name))
    });
    create(&path)?;
    let interrupt = interrupt::catch()?;
    let command = format!("tenfold knee {}", arguments.scenario);
    // Fails, and is to fail, if a trial was recorded.
    let remove_empty = || drop(std::fs::remove_dir(&path));
    let service = subject
        .start(&arguments.service, &scenario, &command, &interrupt)
        .inspect_err(|_| remove_empty())?;
    let trials = Trials {
        arguments,
        scenario: &scenario,
        service: &service,
        path: &path,
        interrupt,
        has_users: overrides.users.is_some(),
    };
    let searched = service.answering(|| trials.search(arguments.goal(), start));
    let stopped = service.lab.map_or(Ok(()), tenfold_lab::Lab::stop);
    let found = searched.inspect_err(|_| remove_empty())?;
    stopped?;
    RunDir::open(&path).write_json(ANSWER, &found)?;
    match arguments.json {
        true => print::json(&found)?,
        false => print::out(&found.text())?,
    }
    print::note(&format!("answer: {}", path.join(ANSWER).display()));
    Ok(match found.answer.end {
        End::Confirmed => Exit::Met,
        End::LowestRate => Exit::SloMissed,
        End::Stopped => Exit::Interrupted,
        End::OutOfTime | End::Generator | End::HighestRate => Exit::Inconclusive,
    })
}

/// Creates the directory of a search.
fn create(path: &Path) -> anyhow::Result<()> {
    if path.join(ANSWER).exists() {
        return Err(UsageError(format!(
            "{} already has an answer; choose another directory for --out",
            path.display()
        ))
        .into());
    }
    std::fs::create_dir_all(path).with_context(|| format!("could not create {}", path.display()))
}

/// Returns the scenario of a trial.
fn trial_scenario(
    scenario: &Scenario,
    per_second: f64,
    warm_up: Duration,
    counted: Duration,
) -> anyhow::Result<Scenario> {
    let rate = Rate::new(per_second).context("the rate is beyond what a scenario may have")?;
    Ok(scenario.at_constant_rate(rate, warm_up, counted)?)
}

/// The trials of a search.
struct Trials<'a> {
    arguments: &'a KneeArguments,
    scenario: &'a Scenario,
    service: &'a Service,
    path: &'a Path,
    interrupt: Interrupt,
    has_users: bool,
}

impl Trials<'_> {
    fn search(&self, goal: Goal, start: f64) -> anyhow::Result<Found> {
        let mut search = Search::new(goal, start, self.arguments.rate_max());
        let mut figures: Vec<Figures> = Vec::new();
        while let Some(attempt) = search.next() {
            let began = Instant::now();
            let tried = self.try_rate(attempt, figures.len() + 1);
            // An interrupted trial is an error or a part of one. Those before it still count.
            if *self.interrupt.borrow() {
                search.stop();
                break;
            }
            let (outcome, own) = tried?;
            std::thread::sleep(match outcome {
                Outcome::Sustained => PAUSE,
                _ => PAUSE_AFTER_OVERLOAD,
            });
            search.record(outcome, began.elapsed());
            print::note(&own.line(attempt, outcome, search.bracket()));
            figures.push(own);
        }
        let answer = search.answer();
        Ok(Found {
            version: 1,
            scenario: self.scenario.name.clone(),
            target: self.service.endpoint.target.to_string(),
            rules: self
                .scenario
                .rules
                .iter()
                .map(|rule| rule.text.clone())
                .collect(),
            limit: limit(&answer, &figures),
            not_judged: not_judged(&answer, &figures, goal),
            answer,
            figures,
        })
    }

    /// Sends a rate, and judges it.
    fn try_rate(&self, attempt: Attempt, number: usize) -> anyhow::Result<(Outcome, Figures)> {
        let warm_up = match number {
            1 => FIRST_WARM_UP,
            _ => WARM_UP,
        };
        let mut scenario = trial_scenario(self.scenario, attempt.rate, warm_up, attempt.duration)?;
        if !self.has_users {
            let users = (attempt.rate * USERS_PER_RATE).min(USERS_MAX) as u32;
            scenario.load.users = scenario.load.users.max(users);
        }
        let fitted = tenfold_measure::fit_users(scenario, false)?;
        let directory = format!("trial-{number:02}");
        let run_dir = RunDir::create(&self.path.join(&directory))?;
        let measurement = Measurement {
            scenario: fitted.scenario,
            endpoint: self.service.endpoint.clone(),
            candidate: None,
            probe: Probe::NoProfile,
            profiled_pid: None,
            metrics: self.arguments.service.target.metrics.clone(),
            lab: self.service.lab.as_ref(),
            invocation: Invocation {
                overrides: self.arguments.load.overrides(),
                command: self.arguments.command(),
            },
            interrupt: self.interrupt.clone(),
            observer: &mut Quiet,
        };
        measurement.record(&run_dir)?;
        let run = run_dir.read()?;
        let summary = summarise(&run);
        let report = RunReport {
            html: None,
            json: false,
            exports: &[],
        };
        report.write_html(&run, &summary)?;
        let outcome = judge_trial(&run, &summary);
        Ok((outcome, Figures::of(&summary, directory)))
    }
}

/// Shows nothing of a trial while it runs.
struct Quiet;

impl Observer for Quiet {}

/// `knee.json`: the answer of a search, with the figures of its trials.
#[derive(Debug, Serialize)]
struct Found {
    /// Version of this format.
    version: u32,
    /// Name of the scenario.
    scenario: String,
    /// Address of the target.
    target: String,
    /// Objectives that a sustained rate meets.
    rules: Vec<String>,
    /// The answer.
    answer: Answer,
    /// First finding of a trial just above the knee.
    limit: Option<String>,
    /// Objectives that even the long trials were too short for.
    not_judged: Vec<String>,
    /// Figures of the trials, in order.
    figures: Vec<Figures>,
}

/// Figures of a trial.
#[derive(Debug, Serialize)]
struct Figures {
    /// Its run directory, below that of the search.
    directory: PathBuf,
    /// Answers per second.
    achieved: f64,
    /// Share of failed and dropped arrivals.
    lost: f64,
    /// Median response time, in nanoseconds.
    p50_ns: Option<u64>,
    /// Response time at p99, in nanoseconds.
    p99_ns: Option<u64>,
    /// Processors in use by the service. `None` if it is not known.
    service_cores: Option<f64>,
    /// First finding.
    finding: Option<String>,
    /// Objectives that were not judged.
    not_judged: Vec<String>,
}

impl Figures {
    fn of(summary: &Summary, directory: String) -> Self {
        let arrivals = &summary.arrivals;
        let response = &summary.latency_ns.response;
        let unjudged = summary.rules.iter().filter(|rule| rule.met.is_none());
        Self {
            directory: directory.into(),
            achieved: summary.rate_per_s.achieved,
            lost: (arrivals.failed + arrivals.dropped) as f64 / arrivals.planned.max(1) as f64,
            p50_ns: response.p50,
            p99_ns: response.p99,
            service_cores: summary.target_usage.as_ref().map(|usage| usage.cores_used),
            finding: summary.findings.first().map(|own| own.title.clone()),
            not_judged: unjudged.map(|rule| rule.text.clone()).collect(),
        }
    }

    /// Returns a line with the figures of the trial and the bracket after it.
    fn line(
        &self,
        attempt: Attempt,
        outcome: Outcome,
        (low, high): (Option<f64>, Option<f64>),
    ) -> String {
        let time = |ns: Option<u64>| ns.map_or("–".to_owned(), format::duration);
        let known = match (low, high) {
            (Some(low), Some(high)) => {
                format!(
                    "knee between {} and {}",
                    format::rate(low),
                    format::rate(high)
                )
            }
            (Some(low), None) => format!("knee above {}", format::rate(low)),
            (None, Some(high)) => format!("knee below {}", format::rate(high)),
            (None, None) => String::new(),
        };
        format!(
            "{:>10} for {:>2} s  {:<13}  p50 {:>8}  p99 {:>8}  {known}",
            format::rate(attempt.rate),
            attempt.duration.as_secs(),
            outcome_text(outcome),
            time(self.p50_ns),
            time(self.p99_ns),
        )
    }
}

fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Sustained => "sustained",
        Outcome::NotSustained { .. } => "not sustained",
        Outcome::Undecided => "undecided",
        Outcome::NotMeasured => "not measured",
    }
}

/// Returns the first finding of the lowest failed trial, the longest of them.
fn limit(answer: &Answer, figures: &[Figures]) -> Option<String> {
    let failed = answer.failed?;
    let trials = answer.trials.iter().zip(figures);
    let (_, figures) = trials
        .filter(|(trial, _)| {
            matches!(trial.outcome, Outcome::NotSustained { .. }) && trial.rate >= failed
        })
        .min_by(|(a, _), (b, _)| b.duration.cmp(&a.duration).then(a.rate.total_cmp(&b.rate)))?;
    figures.finding.clone()
}

/// Returns the objectives that no long trial judged.
fn not_judged(answer: &Answer, figures: &[Figures], goal: Goal) -> Vec<String> {
    let trials = answer.trials.iter().zip(figures);
    let mut long = trials
        .filter(|(trial, _)| trial.duration >= goal.long && trial.outcome.is_sustained())
        .map(|(_, figures)| &figures.not_judged);
    let Some(first) = long.next() else {
        return Vec::new();
    };
    let others: Vec<&Vec<String>> = long.collect();
    let never = first
        .iter()
        .filter(|rule| others.iter().all(|other| other.contains(rule)));
    never.cloned().collect()
}

impl Found {
    /// Returns the answer as text.
    fn text(&self) -> String {
        let answer = &self.answer;
        let mut text = format!("\nknee of {} against {}\n\n", self.scenario, self.target);
        text.push_str(&format!("  {}\n", self.sentence()));
        if let Some(limit) = &self.limit {
            text.push_str(&format!("  above it: {limit}\n"));
        }
        if let Some(hysteresis) = answer.hysteresis {
            text.push_str(&format!(
                "  after an overload it did not sustain {}, although it sustained {} before: it needs a lower load to recover\n",
                format::rate(hysteresis.failed_from_above),
                format::rate(hysteresis.sustained_from_below)
            ));
        }
        for rule in &self.not_judged {
            text.push_str(&format!(
                "  not judged: {rule}; the trials are too short for it\n"
            ));
        }
        text.push_str(&format!("  objectives: {}\n", self.rules.join("; ")));
        text
    }

    fn sentence(&self) -> String {
        let answer = &self.answer;
        let rate = |rate: Option<f64>| rate.map_or("–".to_owned(), format::rate);
        let (low, high) = (rate(answer.sustained), rate(answer.failed));
        match answer.end {
            End::Confirmed => format!(
                "sustained {low}, not {high} ({} apart), confirmed by {} and {} trials",
                format::percent(answer.width().unwrap_or(0.0)),
                answer.passes,
                answer.failures
            ),
            End::LowestRate => format!("no rate was sustained; the lowest tried was {high}"),
            End::HighestRate => {
                format!("sustained {low}, the highest rate that may be tried (--max)")
            }
            End::Generator => format!(
                "sustained at least {low}; the generator did not send a higher rate in time, so the knee may be higher"
            ),
            End::OutOfTime | End::Stopped => {
                let why = match answer.end {
                    End::OutOfTime => "the time was over",
                    _ => "interrupted",
                };
                format!("between {low} and {high}, not confirmed: {why}")
            }
        }
    }
}
