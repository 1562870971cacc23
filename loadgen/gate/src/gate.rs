//! Course of a gate: build, run epochs, and judge their rounds until a decision or the end of the budget.

use std::path::Path;
use std::time::{Duration, Instant};

use tenfold_analysis::gate::{
    BadDay, Calibration, Decision, FailureRule, GateOutcome, GateVerdict, Metric,
    MetricCalibration, Next, Pair, Plan, PlanError, Role, RoundRecord, Side, calibrate, calibrated,
    decide, next,
};
use tenfold_run_dir::agreement::Agreement;
use tenfold_scenarios::{Rate, Scenario};

use crate::GateError;
use crate::calibration_file::{CalibrationFile, SharedSettings};
use crate::options::{Options, Step};
use crate::rounds::epoch::{self, Course, Epoch, Setting};
use crate::rounds::{cause, round};
use crate::subject::{Prepared, Workshop};

/// Rounds that compare the baseline with itself at the start. They show which responses vary by
/// themselves, and how long a restart takes.
const CHECK_ROUNDS: usize = 2;

/// Allowance for an epoch that takes longer than the longest before it, as a factor.
const SLACK: f64 = 1.1;

mod answers;
pub(crate) mod description;
mod judging;
mod memory;
pub(crate) mod timetable;

use description::{Start, described, machine, not_built};
use timetable::looks;

/// Compares two builds, and decides whether the second is slower.
///
/// Blocks until there is a decision or the budget is spent. Faults of a build are part of the outcome.
///
/// # Errors
/// Fails if the options are invalid, or the load can't be sent or recorded.
pub fn gate(options: Options<'_>) -> Result<GateOutcome, GateError> {
    match Gate::begin(options)? {
        Begun::Ready(gate) => gate.compare(),
        Begun::NotBuilt(outcome) => Ok(*outcome),
    }
}

/// Compares the baseline with itself for the whole budget, to measure the noise of each metric.
///
/// Returns the outcome and, if nothing went wrong, the calibration file to store.
///
/// # Errors
/// Fails for the same reasons as [`gate`].
pub fn calibration(
    options: Options<'_>,
) -> Result<(GateOutcome, Option<CalibrationFile>), GateError> {
    match Gate::begin(options)? {
        Begun::Ready(gate) => gate.calibrate(),
        Begun::NotBuilt(outcome) => Ok((*outcome, None)),
    }
}

/// Result of building both subjects.
enum Begun<'a> {
    /// Both subjects are built.
    Ready(Box<Gate<'a>>),
    /// A build failed, which is the outcome.
    NotBuilt(Box<GateOutcome>),
}

/// A gate in progress.
struct Gate<'a> {
    options: Options<'a>,
    start: Start,
    rate: Rate,
    prepared: Pair<Prepared>,
    /// Start of the first epoch, from which the budget counts.
    measuring_since: Instant,
    /// Number of the next epoch.
    number: u32,
    /// Agreement of the baseline with itself.
    self_agreement: Option<Agreement>,
    epochs: Vec<Epoch>,
    plan: Option<Plan>,
    bad_days: Vec<BadDay>,
    remarks: Vec<String>,
}

impl<'a> Gate<'a> {
    fn begin(options: Options<'a>) -> Result<Begun<'a>, GateError> {
        let start = Start {
            at: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            instant: Instant::now(),
        };
        let rate = mean_rate(&options.scenario)?;
        create(&options.directory)?;
        let workshop = Workshop {
            recipe: &options.recipe,
            working: &options.working,
            directory: &options.directory,
            http: options.dial.http,
            interrupt: &options.interrupt,
        };
        let mut prepare = |side: Side| {
            let subject = match side {
                Side::Baseline => &options.baseline,
                Side::Candidate => &options.candidate,
            };
            (options.on_step)(&Step::Build(side, subject.to_string()));
            let endpoint = options.endpoints.of(side).as_ref();
            match Prepared::of(subject, endpoint, &workshop, &side.to_string()) {
                Ok(prepared) => Ok(Ok(prepared)),
                Err(error) => not_built(side, error).map(Err),
            }
        };
        let both = match prepare(Side::Baseline)? {
            Ok(baseline) => prepare(Side::Candidate)?.map(|candidate| Pair {
                baseline,
                candidate,
            }),
            Err(day) => Err(day),
        };
        let prepared = match both {
            Ok(prepared) => prepared,
            Err(day) => {
                let mut outcome = described(&options, &start, &Pair::default(), &Pair::default());
                outcome.bad_days.push(day);
                return Ok(Begun::NotBuilt(Box::new(outcome.concluded())));
            }
        };
        Ok(Begun::Ready(Box::new(Self {
            start,
            rate,
            prepared,
            measuring_since: Instant::now(),
            number: 0,
            self_agreement: None,
            epochs: Vec::new(),
            plan: None,
            bad_days: Vec::new(),
            remarks: Vec::new(),
            options,
        })))
    }

    fn compare(mut self) -> Result<GateOutcome, GateError> {
        let mut decision = None;
        if self.check()? {
            decision = self.rounds(false)?;
        }
        self.judge_beside_metrics(decision.as_ref());
        let only_leaked = |day: &BadDay| matches!(day, BadDay::Leaked { .. });
        let failed = self.bad_days.iter().all(only_leaked)
            && decision
                .as_ref()
                .is_some_and(|decision| decision.verdict == GateVerdict::Fail);
        let cause = match failed {
            true => self.profile(),
            false => None,
        };
        let calibration = self.options.calibration.as_ref();
        let calibration = calibration.map(|file| file.calibration.clone());
        let mut outcome = self.outcome(decision);
        outcome.cause = cause;
        outcome.calibration = calibration;
        Ok(outcome.concluded())
    }

    fn calibrate(mut self) -> Result<(GateOutcome, Option<CalibrationFile>), GateError> {
        self.options.calibration = None;
        if self.check()? {
            self.rounds(true)?;
        }
        // Responses and memory of one build need no comparison.
        self.judge_completion();
        self.judge_generator(None);
        if !self.bad_days.is_empty() {
            return Ok((self.outcome(None).concluded(), None));
        }
        let rounds: Vec<_> = self.records().map(RoundRecord::round).collect();
        let metrics = self
            .plan
            .as_ref()
            .map(|plan| {
                calibrate(
                    &rounds,
                    plan,
                    plan.looks().last().map_or(0, |look| look.rounds),
                )
            })
            .unwrap_or_default();
        let metrics = self.only_gated(metrics);
        let calibration = Calibration {
            at: self.start.at.clone(),
            rounds: rounds.len(),
            metrics,
        };
        let file = CalibrationFile::new(
            machine(),
            &self.options.scenario,
            self.rate,
            self.shared_settings(),
            calibration.clone(),
        );
        let mut outcome = self.outcome(None);
        outcome.calibration = Some(calibration);
        Ok((outcome.concluded(), Some(file)))
    }

    /// Marks metrics that only inform as not gated, however little noise they have.
    fn only_gated(&self, mut metrics: Vec<MetricCalibration>) -> Vec<MetricCalibration> {
        let planned = self.plan.iter().flat_map(Plan::metrics);
        for (own, metric) in metrics.iter_mut().zip(planned) {
            if metric.role == Role::Informs {
                own.gated = false;
                let why = metric.not_gated_because.clone();
                own.reason = Some(why.unwrap_or_else(|| "it only informs".to_owned()));
            }
        }
        metrics
    }

    /// Compares the baseline with itself for a few rounds. Returns `false` if nothing can be measured.
    fn check(&mut self) -> Result<bool, GateError> {
        (self.options.on_step)(&Step::Check);
        let Some(mut epoch) = self.epoch(CHECK_ROUNDS, true)? else {
            return Ok(false);
        };
        if let Some(trouble) = epoch.trouble.take() {
            self.bad_days.push(of_baseline(trouble));
            return Ok(false);
        }
        self.self_agreement = epoch.agreement.take();
        let answered = |round: &RoundRecord| {
            let both = round.failures.unwrap_or_default();
            both.baseline.sent > both.baseline.failed || both.candidate.sent > both.candidate.failed
        };
        if !epoch.rounds.iter().any(answered) {
            self.bad_days.push(BadDay::NothingMeasured {
                reason: "the baseline completed no request when compared with itself".to_owned(),
            });
            return Ok(false);
        }
        // Any epoch takes as long, apart from its number of rounds.
        let rounds = self.options.rounds_per_epoch as f64 - CHECK_ROUNDS as f64;
        let length = epoch.took.as_secs_f64() + rounds * self.options.round.as_secs_f64();
        let length = Duration::from_secs_f64(length.max(0.0));
        let left = self.left();
        let looks = looks(left, length, self.options.rounds_per_epoch);
        if looks.is_empty() {
            return Err(self.too_short(0, self.options.rounds_per_epoch));
        }
        self.options.settings.looks = looks;
        Ok(true)
    }

    /// Runs epochs until there is a decision, or the budget is spent. With `calibrating`, the baseline is
    /// compared with itself until the budget is spent.
    fn rounds(&mut self, calibrating: bool) -> Result<Option<Decision>, GateError> {
        let mut longest = Duration::ZERO;
        loop {
            let so_far = self.records().count();
            let planned = self.options.settings.looks.last().copied();
            (self.options.on_step)(&Step::Measure {
                rounds: so_far,
                of: planned,
            });
            let Some(epoch) = self.epoch(self.options.rounds_per_epoch, calibrating)? else {
                return Ok(None);
            };
            longest = longest.max(epoch.took);
            if self.plan.is_none()
                && let Some(readings) = epoch.readings.last()
            {
                let requests = self.rate.per_second() * self.options.round.as_secs_f64() / 2.0;
                self.remarks.extend(round::not_compared(readings));
                self.plan = Some(self.plan_of(round::metrics(readings, requests))?);
            }
            let trouble = epoch.trouble.clone();
            self.epochs.push(epoch);
            if let Some(trouble) = trouble {
                self.bad_days.push(match calibrating {
                    true => of_baseline(trouble),
                    false => trouble,
                });
                return Ok(None);
            }
            let differ = self
                .answers()
                .is_some_and(|answers| answers::differ(&answers).is_some());
            if differ && !calibrating {
                // Further rounds do not change that. The difference is reported with the outcome.
                return Ok(None);
            }
            let rounds: Vec<_> = self.records().map(RoundRecord::round).collect();
            let Some(plan) = &self.plan else {
                return Ok(None);
            };
            let last = plan.looks().last().map_or(0, |look| look.rounds);
            if calibrating {
                if rounds.len() >= last || self.left() < longest.mul_f64(SLACK) {
                    return Ok(None);
                }
                continue;
            }
            match next(&rounds, plan) {
                Next::Stop(decision) => return Ok(Some(*decision)),
                Next::Continue { .. } if self.left() < longest.mul_f64(SLACK) => {
                    self.remarks.push(format!(
                        "The budget ended after {} of {last} planned rounds, because restarts took longer \
                         than the first.",
                        rounds.len()
                    ));
                    return Ok(Some(decide(&rounds, plan)));
                }
                Next::Continue { .. } => {}
            }
        }
    }

    /// Runs one epoch, with the baseline on both sides if `with_itself`. Returns `None` and records a bad day
    /// if the epoch is interrupted.
    fn epoch(&mut self, rounds: usize, with_itself: bool) -> Result<Option<Epoch>, GateError> {
        let course = Course {
            number: self.number,
            rounds,
            round: self.options.round,
            warm_up: self.options.warm_up,
            rate: self.rate,
        };
        self.number += 1;
        let prepared = Pair {
            baseline: &self.prepared.baseline,
            candidate: match with_itself {
                true => &self.prepared.baseline,
                false => &self.prepared.candidate,
            },
        };
        match epoch::run(&prepared, &course, &self.setting()) {
            Ok(epoch) => Ok(Some(epoch)),
            Err(GateError::Interrupted) => {
                self.bad_days.push(BadDay::Interrupted {
                    by: "Ctrl-C or a signal".to_owned(),
                    rounds: self.records().count(),
                });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn setting(&self) -> Setting<'_> {
        Setting {
            scenario: &self.options.scenario,
            dial: &self.options.dial,
            directory: &self.options.directory,
            began: self.start.instant,
            interrupt: &self.options.interrupt,
        }
    }

    /// Returns the time left for epochs.
    fn left(&self) -> Duration {
        self.options
            .budget
            .saturating_sub(self.measuring_since.elapsed())
    }

    fn records(&self) -> impl Iterator<Item = &RoundRecord> {
        self.epochs.iter().flat_map(|epoch| &epoch.rounds)
    }

    /// Plans the decision for the metrics that both builds report.
    fn plan_of(&mut self, metrics: Vec<Metric>) -> Result<Plan, GateError> {
        let last = self.options.settings.looks.last().copied().unwrap_or(0);
        let plan = Plan::new(
            self.options.settings.clone(),
            metrics,
            Some(FailureRule::default()),
        );
        let plan = plan.map_err(|error| match error {
            PlanError::TooFewRounds { rounds_min, .. } => self.too_short(last, rounds_min),
            error => error.into(),
        })?;
        let Some(file) = &self.options.calibration else {
            return Ok(plan);
        };
        let scenario = &self.options.scenario;
        if let Some(reason) = file.mismatch(&machine(), scenario, self.rate, self.shared_settings())
        {
            self.remarks
                .push(format!("The calibration was not used: {reason}."));
            self.options.calibration = None;
            return Ok(plan);
        }
        Ok(calibrated(&plan, &file.calibration.metrics))
    }

    /// Returns the settings that a calibration must share with this gate.
    fn shared_settings(&self) -> SharedSettings {
        SharedSettings {
            round: self.options.round,
            rounds_per_epoch: self.options.rounds_per_epoch,
            budget: self.options.budget,
            min_effect: self.options.settings.min_effect,
        }
    }

    fn too_short(&self, rounds: usize, least: usize) -> GateError {
        GateError::TooShort {
            budget_s: self.options.budget.as_secs_f64(),
            rounds,
            least,
        }
    }

    fn answers(&self) -> Option<tenfold_analysis::gate::Answers> {
        let agreements = self
            .epochs
            .iter()
            .filter_map(|epoch| epoch.agreement.as_ref());
        answers::combine(agreements, self.self_agreement.as_ref())
    }

    fn memory(&self) -> Option<Pair<tenfold_analysis::gate::MemoryUse>> {
        let of = |side: Side| -> Vec<_> {
            let epochs = self.epochs.iter();
            epochs
                .flat_map(|epoch| epoch.memory.of(side).iter().copied())
                .collect()
        };
        let (baseline, candidate) = (of(Side::Baseline), of(Side::Candidate));
        (!baseline.is_empty() && !candidate.is_empty()).then(|| Pair {
            baseline: memory::describe(baseline),
            candidate: memory::describe(candidate),
        })
    }

    /// Profiles both builds in an epoch of its own. Returns `None` and adds a remark if that fails.
    fn profile(&mut self) -> Option<tenfold_analysis::gate::Cause> {
        (self.options.on_step)(&Step::Profile);
        let course = Course {
            number: self.number,
            rounds: cause::ROUNDS,
            round: self.options.round,
            warm_up: self.options.warm_up,
            rate: self.rate,
        };
        self.number += 1;
        let prepared = Pair {
            baseline: &self.prepared.baseline,
            candidate: &self.prepared.candidate,
        };
        let gated: Vec<RoundRecord> = self.records().cloned().collect();
        match cause::find(&prepared, &course, &self.setting(), &gated) {
            Ok(cause) => Some(cause),
            Err(error) => {
                self.remarks
                    .push(format!("No cause was determined: {error}."));
                None
            }
        }
    }

    fn outcome(mut self, decision: Option<Decision>) -> GateOutcome {
        if self.options.calibration.is_none() && decision.is_some() {
            self.remarks.push(
                "This machine was not calibrated; run `tenfold gate --calibrate` to measure its sensitivity."
                    .to_owned(),
            );
        }
        if decision.is_none() && self.bad_days.is_empty() && self.records().next().is_none() {
            self.bad_days.push(BadDay::NothingMeasured {
                reason: "no round was completed".to_owned(),
            });
        }
        let of_both = |of: &dyn Fn(Side) -> u32| Pair {
            baseline: of(Side::Baseline),
            candidate: of(Side::Candidate),
        };
        let starts = of_both(&|side| self.epochs.iter().map(|epoch| *epoch.starts.of(side)).sum());
        let commands = self
            .prepared
            .map(|prepared| prepared.command().map(str::to_owned));
        GateOutcome {
            answers: self.answers(),
            memory: self.memory(),
            capacity: decision.as_ref().and_then(round::capacity),
            rounds: self.records().cloned().collect(),
            bad_days: self.bad_days,
            remarks: self.remarks,
            decision,
            ..described(&self.options, &self.start, &commands, &starts)
        }
    }
}

/// Attributes a fault during the comparison of the baseline with itself to the baseline.
fn of_baseline(trouble: BadDay) -> BadDay {
    match trouble {
        BadDay::DidNotStart {
            reason, last_lines, ..
        } => BadDay::DidNotStart {
            side: Side::Baseline,
            reason,
            last_lines,
        },
        BadDay::Died {
            after_s,
            status,
            last_lines,
            ..
        } => BadDay::Died {
            side: Side::Baseline,
            after_s,
            status,
            last_lines,
        },
        other => other,
    }
}

/// Returns the mean rate of the counted phases.
fn mean_rate(scenario: &Scenario) -> Result<Rate, GateError> {
    let counted = || scenario.phases.iter().filter(|phase| !phase.warm_up);
    let arrivals: f64 = counted()
        .map(tenfold_scenarios::Phase::expected_arrivals)
        .sum();
    let seconds: f64 = counted().map(|phase| phase.duration.as_secs_f64()).sum();
    let rate = Rate::new(arrivals / seconds).filter(|rate| rate.per_second() > 0.0);
    rate.ok_or_else(|| GateError::NoRate {
        scenario: scenario.name.clone(),
    })
}

/// Creates the directory. Fails if it is not empty.
fn create(directory: &Path) -> Result<(), GateError> {
    let failed = |source| GateError::System {
        action: "write",
        what: directory.display().to_string(),
        source,
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    match std::fs::read_dir(directory).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(GateError::NotEmpty {
            path: directory.to_owned(),
        }),
    }
}
