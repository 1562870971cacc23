//! Trials of a service: runs at constant rates, one after the other, in a directory of their own.

pub(crate) mod confirmation;
pub(crate) mod experiments;
pub(crate) mod knee_loads;
pub(crate) mod levers;
mod ongoing_search;
pub(crate) mod outages;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tenfold_analysis::knee::{Goal, Outcome, SearchReport, TrialFigures, goodput, judge_trial};
use tenfold_analysis::{Summary, summarise};
use tenfold_loadgen::{Interrupt, KnownSessions};
use tenfold_measure::{Invocation, Measurement, Observer, Probe, StageDescription};
use tenfold_run_dir::{Run, RunDir};
use tenfold_scenarios::{Overrides, Rate, Scenario};

use crate::arguments::groups::search::SearchArguments;
use crate::exit::UsageError;
use crate::output::print;
use crate::output::run_report::RunReport;
use crate::service::{Service, Subject};
use crate::{interrupt, library};

pub(crate) use ongoing_search::OngoingSearch;

/// Warm-up of every other trial.
const WARM_UP: Duration = Duration::from_secs(1);

/// Pause after a trial that was sustained.
const PAUSE: Duration = Duration::from_millis(300);

/// Pause after any other trial, before the service is looked at.
const PAUSE_AFTER_OVERLOAD: Duration = Duration::from_secs(1);

/// Share of the rate of a trial that a service answers at once if it has no backlog.
const SETTLED_SHARE: f64 = 0.05;

/// Lowest and highest rate at which a service is looked at, per second.
const SETTLED_RATES: (f64, f64) = (5.0, 50.0);

/// Time for which a service is looked at.
const SETTLED_FOR: Duration = Duration::from_secs(1);

/// Response time up to which a service has no backlog, in nanoseconds, or twice its slowest at the first look.
const SETTLED_NS: u64 = 1_000_000_000;

/// Time after which a backlog is waited for no longer: the next trial is likely to be at a lower rate.
const SETTLE_MAX: Duration = Duration::from_secs(15);

/// Users for each request a second, so that answers may take this many seconds.
const USERS_PER_RATE: f64 = 0.5;

/// Highest number of users unless `--users` is given: more hardly fit into the memory of a small machine.
const USERS_MAX: f64 = 20_000.0;

/// Requests a second whose `traceparent` asks for a trace, if a trial samples them.
const SAMPLED_PER_SECOND: f64 = 200.0;

/// The trials of one command.
pub(crate) struct Trials<'a> {
    arguments: &'a SearchArguments,
    /// Command that repeats the trials.
    repeated_by: Vec<String>,
    scenario: Scenario,
    /// Rate of the first trial, per second.
    first_rate: f64,
    service: Service,
    ready_after: Duration,
    path: PathBuf,
    interrupt: Interrupt,
    has_users: bool,
    /// Stage whose lab is lent to an outage. `None` at any other time.
    lent: Option<StageDescription>,
    /// Slowest response at the first look, before any load, in nanoseconds.
    unloaded_ns: OnceLock<u64>,
    /// Sessions, logged in once for several trials.
    sessions: KnownSessions,
}

/// Load and captures of a trial.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// Offered rate, per second.
    pub(crate) rate: f64,
    /// Time before the counted part.
    pub(crate) warm_up: Duration,
    /// Counted time.
    pub(crate) duration: Duration,
    /// Name of its run directory.
    pub(crate) directory: String,
    /// Takes profiles, and asks for the times in the service (`traceparent`).
    pub(crate) profiles: bool,
    /// Number of users. `None` for enough of them at this rate. `--users` takes precedence.
    pub(crate) users: Option<u32>,
}

/// A trial that was measured.
pub(crate) struct Measured {
    pub(crate) run: Run,
    pub(crate) summary: Summary,
    pub(crate) outcome: Outcome,
    pub(crate) figures: TrialFigures,
}

/// Starts the service of the flags, does `work` with its trials, and stops it. Returns the directory as well.
///
/// `result` is the file that `work` writes last: a directory that has it is not used again.
pub(crate) fn with_trials<T>(
    arguments: &SearchArguments,
    (command, result): (&str, &str),
    work: impl FnOnce(&Trials<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<(T, PathBuf)> {
    let interrupt = interrupt::catch()?;
    let subject = Subject::of(&arguments.service)?;
    let named = format!("tenfold {command} {}", arguments.scenario);
    let start = |scenario: &Scenario, _: &Path| {
        subject.start(&arguments.service, scenario, &named, &interrupt)
    };
    with_trials_of(
        arguments,
        (command, result),
        None,
        &interrupt,
        start,
        |trials| trials.service.answering(|| work(trials)),
    )
}

/// As [`with_trials`], of the service that `start` starts from the scenario and the directory. `repeated_by` is the command that
/// repeats the trials, if it is not that of the flags.
pub(crate) fn with_trials_of<T>(
    arguments: &SearchArguments,
    (command, result): (&str, &str),
    repeated_by: Option<Vec<String>>,
    interrupt: &Interrupt,
    start: impl FnOnce(&Scenario, &Path) -> anyhow::Result<Service>,
    work: impl FnOnce(&mut Trials<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<(T, PathBuf)> {
    let scenario = scenario_of(arguments)?;
    let overrides = arguments.load.overrides();
    let first_rate = overrides.rate;
    let path = arguments.out.clone().unwrap_or_else(|| {
        tenfold_measure::default_path("runs", &format!("{command}-{}", scenario.name))
    });
    create(&path, result)?;
    // Fails, and is to fail, if a trial was recorded.
    let remove_empty = || drop(std::fs::remove_dir(&path));
    let began = Instant::now();
    let first_rate = first_rate.map_or(scenario.mean_rate(), Rate::per_second);
    let service = start(&scenario, &path).inspect_err(|_| remove_empty())?;
    let mut trials = Trials {
        arguments,
        repeated_by: repeated_by.unwrap_or_else(|| arguments.command(command)),
        scenario,
        first_rate,
        service,
        ready_after: began.elapsed(),
        path: path.clone(),
        interrupt: interrupt.clone(),
        has_users: overrides.users.is_some(),
        sessions: KnownSessions::default(),
        lent: None,
        unloaded_ns: OnceLock::new(),
    };
    let done = work(&mut trials);
    let stopped = trials.service.stop();
    let done = done.inspect_err(|_| remove_empty())?;
    // The measurements are kept.
    if let Err(error) = stopped {
        print::note(&format!("note: {error:#}"));
    }
    Ok((done, path))
}

/// Returns the scenario of the flags, whose own phases are not sent.
///
/// # Errors
/// Fails if a flag does not fit the scenario, or if it has no rate.
pub(crate) fn scenario_of(arguments: &SearchArguments) -> anyhow::Result<Scenario> {
    let overrides = Overrides {
        rate: None,
        ..arguments.load.overrides()
    };
    let mut scenario = library::find(&arguments.scenario)?.with(&overrides)?;
    if !arguments.rules.is_empty() {
        scenario = scenario.with_rules(&arguments.rules)?;
    }
    at_rate(&scenario, scenario.mean_rate().max(1.0), WARM_UP, WARM_UP)?;
    Ok(scenario)
}

/// Creates the directory of the trials.
fn create(path: &Path, result: &str) -> anyhow::Result<()> {
    if path.join(result).exists() {
        return Err(UsageError(format!(
            "{} already has an answer; choose another directory for --out",
            path.display()
        ))
        .into());
    }
    std::fs::create_dir_all(path).with_context(|| format!("could not create {}", path.display()))
}

/// Returns the scenario at a constant rate.
fn at_rate(
    scenario: &Scenario,
    per_second: f64,
    warm_up: Duration,
    counted: Duration,
) -> anyhow::Result<Scenario> {
    let rate = Rate::new(per_second).context("the rate is beyond what a scenario may have")?;
    Ok(scenario.at_constant_rate(rate, warm_up, counted)?)
}

impl Trials<'_> {
    /// Returns whether the user interrupted the command.
    pub(crate) fn is_interrupted(&self) -> bool {
        *self.interrupt.borrow()
    }

    /// Returns the highest rate that may be tried, per second.
    pub(crate) fn rate_max(&self) -> f64 {
        self.arguments.rate_max()
    }

    /// Returns the directory of the trials.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the service under test.
    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// Returns the time that the service took until it was ready.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Searches for the knee, and prints a line for each trial.
    pub(crate) fn search(&self, goal: Goal) -> anyhow::Result<SearchReport> {
        let mut search = OngoingSearch::begin(self, goal, "");
        while search.step()? {}
        Ok(search.report())
    }

    /// Lets the service answer the backlog of a trial at `rate`, so that it does not spoil the next one.
    pub(crate) fn pause_after(&self, outcome: Outcome, rate: f64) {
        if outcome.is_sustained() {
            std::thread::sleep(PAUSE);
        } else {
            std::thread::sleep(PAUSE_AFTER_OVERLOAD);
            self.settle(rate);
        }
    }

    /// Sends a share of `rate` until the service answers it without a failure or a queue, for some seconds at most.
    /// Returns whether it does.
    pub(crate) fn settle(&self, rate: f64) -> bool {
        let (least, most) = SETTLED_RATES;
        let rate = (rate * SETTLED_SHARE).clamp(least, most);
        let end = Instant::now() + SETTLE_MAX;
        while Instant::now() < end && !self.is_interrupted() {
            match self.is_settled(rate) {
                Ok(false) => {}
                Ok(true) => return true,
                // A backlog delays logins as well, and a token may have expired.
                Err(_) => {
                    self.sessions.forget();
                    std::thread::sleep(PAUSE_AFTER_OVERLOAD);
                }
            }
        }
        false
    }

    /// Has sessions logged in again if a token may have expired.
    fn forget_rejected_sessions(&self, run: &Run) {
        let mut counts = run.counts.phases.iter().flatten();
        if counts.any(|own| own.statuses.contains_key(&401) || own.statuses.contains_key(&403)) {
            self.sessions.forget();
        }
    }

    /// Sends a low rate, and returns whether everything is answered at once.
    fn is_settled(&self, rate: f64) -> anyhow::Result<bool> {
        let scenario = at_rate(&self.scenario, rate, Duration::ZERO, SETTLED_FOR)?;
        let scratch = tempfile::tempdir().context("could not create a temporary directory")?;
        let run_dir = RunDir::create(&scratch.path().join("look"))?;
        let measurement = Measurement {
            scenario,
            endpoint: self.service.endpoint.clone(),
            generators: None,
            journeys: tenfold_loadgen::Journeys::default(),
            candidate: None,
            sessions: self.sessions.clone(),
            probe: Probe::Off,
            profiled_pid: None,
            metrics: Vec::new(),
            components: Vec::new(),
            lab: None,
            stage: None,
            invocation: Invocation {
                overrides: Overrides::default(),
                command: Vec::new(),
            },
            interrupt: self.interrupt.clone(),
            feed: None,
            observer: &mut Quiet,
        };
        measurement.record(&run_dir)?;
        let run = run_dir.read()?;
        self.forget_rejected_sessions(&run);
        let summary = summarise(&run);
        let arrivals = &summary.arrivals;
        let slowest = summary.latency_ns.response.max.unwrap_or(0);
        let limit = SETTLED_NS.max(2 * *self.unloaded_ns.get_or_init(|| slowest));
        Ok(arrivals.failed + arrivals.dropped == 0 && slowest <= limit)
    }

    /// Sends half the rate of the first trial for `duration`, so that caches and connections are warm before the first trial. Its run
    /// directory is `warm-up`.
    pub(crate) fn warm_up(&self, duration: Duration) -> anyhow::Result<()> {
        let trial = Trial {
            rate: (self.first_rate / 2.0).max(1.0),
            warm_up: Duration::ZERO,
            duration,
            directory: "warm-up".to_owned(),
            profiles: false,
            users: None,
        };
        self.measure(&trial)?;
        self.settle(trial.rate);
        Ok(())
    }

    /// Sends a rate, writes its run directory and report, and judges it.
    pub(crate) fn measure(&self, trial: &Trial) -> anyhow::Result<Measured> {
        self.measure_observed(trial, &mut Quiet)
    }

    /// As [`Trials::measure`], followed by `observer`.
    fn measure_observed(
        &self,
        trial: &Trial,
        observer: &mut dyn Observer,
    ) -> anyhow::Result<Measured> {
        let mut scenario = at_rate(&self.scenario, trial.rate, trial.warm_up, trial.duration)?;
        if !self.has_users {
            let enough = (trial.rate * USERS_PER_RATE).min(USERS_MAX) as u32;
            scenario.load.users = trial
                .users
                .unwrap_or_else(|| scenario.load.users.max(enough));
        }
        if trial.profiles {
            let share = (SAMPLED_PER_SECOND / trial.rate).min(1.0);
            for request in &mut scenario.requests {
                request.transport.traceparent.get_or_insert(share);
            }
        }
        let fitted = tenfold_measure::fit_users(scenario, false)?;
        let run_dir = RunDir::create(&self.path.join(&trial.directory))?;
        let target = &self.arguments.service.target;
        let measurement = Measurement {
            scenario: fitted.scenario,
            endpoint: self.service.endpoint.clone(),
            generators: None,
            journeys: tenfold_loadgen::Journeys::default(),
            candidate: None,
            sessions: self.sessions.clone(),
            probe: match trial.profiles && !target.no_profile {
                true => Probe::Full,
                false => Probe::NoProfile,
            },
            profiled_pid: target.pid,
            metrics: target.metrics.clone(),
            components: match trial.profiles {
                true => target.components()?,
                false => Vec::new(),
            },
            lab: self.service.lab.as_ref(),
            stage: self.lent.clone(),
            invocation: Invocation {
                // So that a comparison of two trials names their rates.
                overrides: Overrides {
                    rate: Rate::new(trial.rate),
                    duration: Some(trial.duration),
                    ..self.arguments.load.overrides()
                },
                command: self.repeated_by.clone(),
            },
            interrupt: self.interrupt.clone(),
            feed: None,
            observer,
        };
        measurement.record(&run_dir)?;
        let run = run_dir.read()?;
        let summary = summarise(&run);
        let report = RunReport {
            html: None,
            json: false,
            exports: &[],
            trace_url: None,
        };
        report.write_html(&run, &summary)?;
        self.forget_rejected_sessions(&run);
        Ok(Measured {
            outcome: judge_trial(&run, &summary),
            figures: TrialFigures::of(&summary, goodput(&run, &summary)),
            run,
            summary,
        })
    }
}

/// Shows nothing of a trial while it runs.
struct Quiet;

impl Observer for Quiet {}
