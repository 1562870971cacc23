//! Results of the gate benchmark. They are stored as JSON, and the page shows nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_analysis::format;
use tenfold_analysis::gate::{GateOutcome, GateVerdict, Role};

use crate::gate::effects::{self, MeasuredEffect};
use crate::gate::kind::Kind;
use crate::gate::proportion::Proportion;
use crate::gate::record::{GateRun, Header, Mishap, Record};
use crate::gate::resampling::{Pool, Resampled, finds};
use crate::output::goal::Goal;
use crate::output::spread::Spread;

/// Maximum share of unchanged builds that may fail.
const FALSE_ALARMS_MAX: f64 = 0.01;

/// Minimum share of planted slowdowns that must be found.
const FOUND_MIN: f64 = 0.95;

/// Exit code of a failed gate.
const REFUTED: u8 = 99;

/// Results of the gate benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Settings and machine.
    pub(crate) benchmark: Header,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
    /// Versions of Tenfold that ran the gates.
    pub(crate) tools: Vec<String>,
    /// Goals, and whether they were met.
    #[serde(rename = "bars")]
    pub(crate) goals: Vec<Goal>,
    /// Results of the gates of each kind.
    pub(crate) kinds: Vec<KindFigures>,
    /// Measured effects of the planted slowdowns.
    pub(crate) effects: Vec<MeasuredEffect>,
    /// Number of rounds to resample from.
    pub(crate) pool_rounds: usize,
    /// Number of restarts in those rounds.
    pub(crate) pool_restarts: usize,
    /// Results of the resampled gates.
    pub(crate) resampled: Vec<Resampled>,
    /// All gates, in order.
    pub(crate) gates: Vec<GateFigures>,
    /// Gates without an outcome.
    pub(crate) mishaps: Vec<Mishap>,
}

/// Results of the gates of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KindFigures {
    /// Planted slowdown.
    pub(crate) kind: Kind,
    /// Budget of each gate, in seconds.
    pub(crate) budget_s: u64,
    /// Gates that failed, for any reason.
    pub(crate) refuted: Proportion,
    /// Gates that failed within the budget by a metric that shows the planted slowdown.
    pub(crate) found: Proportion,
    /// Gates that neither passed nor failed.
    pub(crate) undecided: Proportion,
    /// Number of gates by verdict.
    pub(crate) verdicts: BTreeMap<String, usize>,
    /// Time of the end of the last round, in seconds since the gate's start. `None` without rounds.
    pub(crate) decided_after_s: Option<Spread>,
    /// Number of rounds until the verdict.
    pub(crate) rounds: Option<Spread>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct GateFigures {
    /// Position in the order, from 0.
    pub(crate) index: usize,
    /// Planted slowdown.
    pub(crate) kind: Kind,
    /// Start time, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// Verdict as a word.
    pub(crate) verdict: String,
    /// Exit code.
    pub(crate) exit_code: u8,
    /// Verdict as a sentence.
    pub(crate) sentence: String,
    /// Number of rounds.
    pub(crate) rounds: usize,
    /// Time of the end of the last round, in seconds since the gate's start. `None` without rounds.
    pub(crate) decided_after_s: Option<f64>,
    /// Duration including profiles, in seconds.
    pub(crate) elapsed_s: f64,
    /// Names of the metrics that failed.
    pub(crate) failing: Vec<String>,
    /// Estimated effect on each metric, as a ratio minus one.
    pub(crate) effects: BTreeMap<String, f64>,
}

impl Figures {
    /// Computes the results of a record, with `resampled` more gates of each kind.
    pub(crate) fn of(record: &Record, resampled: u32) -> Self {
        let outcomes = record.of(Kind::Unchanged).map(|run| &run.outcome);
        let pool = Pool::of(outcomes);
        let mut gates: Vec<GateFigures> = record.runs.iter().map(GateFigures::of).collect();
        gates.sort_by_key(|gate| gate.index);
        let mut tools: Vec<String> = record
            .runs
            .iter()
            .map(|run| run.outcome.tool.clone())
            .collect();
        tools.sort();
        tools.dedup();
        Self {
            benchmark: record.header.clone(),
            took_s: record.took_s,
            tools,
            goals: Vec::new(),
            kinds: Kind::ALL.map(|kind| KindFigures::of(kind, record)).to_vec(),
            effects: effects::measured(record),
            pool_rounds: pool.as_ref().map_or(0, Pool::rounds),
            pool_restarts: pool.as_ref().map_or(0, Pool::epochs),
            resampled: pool.map_or_else(Vec::new, |pool| {
                let seed = record.header.seed;
                Kind::ALL
                    .map(|kind| pool.resample(kind, resampled, seed))
                    .to_vec()
            }),
            gates,
            mishaps: record.mishaps.clone(),
        }
        .with_goals()
    }

    /// Compares the results with the goals anew.
    pub(crate) fn with_goals(mut self) -> Self {
        self.goals = goals(&self);
        self
    }
}

impl KindFigures {
    fn of(kind: Kind, record: &Record) -> Self {
        let budget_s = record.header.budget_s(kind);
        let runs: Vec<&GateRun> = record.of(kind).collect();
        let share =
            |is: &dyn Fn(&GateOutcome) -> bool| Proportion::of(&runs, |run| is(&run.outcome));
        let mut verdicts = BTreeMap::new();
        for run in &runs {
            *verdicts
                .entry(run.outcome.verdict.name().to_owned())
                .or_default() += 1;
        }
        Self {
            kind,
            budget_s,
            refuted: share(&|outcome| outcome.exit_code == REFUTED),
            found: share(&|outcome| found(outcome, kind, budget_s)),
            undecided: share(&|outcome| outcome.exit_code != REFUTED && outcome.exit_code != 0),
            verdicts,
            decided_after_s: Spread::of(
                runs.iter().filter_map(|run| decided_after_s(&run.outcome)),
            ),
            rounds: Spread::of(runs.iter().map(|run| run.outcome.rounds.len() as f64)),
        }
    }

    /// Formats the number of gates by verdict: `38 pass, 2 inconclusive`.
    pub(crate) fn describe_verdicts(&self) -> String {
        let mut verdicts: Vec<_> = self.verdicts.iter().collect();
        verdicts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let said = verdicts
            .iter()
            .map(|(verdict, count)| format!("{count} {}", verdict.replace('_', " ")));
        said.collect::<Vec<_>>().join(", ")
    }
}

impl GateFigures {
    fn of(run: &GateRun) -> Self {
        let outcome = &run.outcome;
        let results = || {
            outcome
                .decision
                .iter()
                .flat_map(|decision| &decision.metrics)
        };
        let gated = || results().filter(|result| result.metric.role == Role::Gated);
        let failing = gated().filter(|result| result.verdict == GateVerdict::Fail);
        Self {
            index: run.index,
            kind: run.kind,
            started_at: outcome.started_at.clone(),
            verdict: outcome.verdict.name().to_owned(),
            exit_code: outcome.exit_code,
            sentence: outcome.sentence.clone(),
            rounds: outcome.rounds.len(),
            decided_after_s: decided_after_s(outcome),
            elapsed_s: outcome.elapsed_s,
            failing: failing.map(|result| result.metric.name.clone()).collect(),
            effects: results()
                .filter_map(|result| Some((result.metric.name.clone(), result.effect?.value)))
                .collect(),
        }
    }
}

/// Returns whether a gate found the planted slowdown within its budget.
fn found(outcome: &GateOutcome, kind: Kind, budget_s: u64) -> bool {
    outcome.exit_code == REFUTED
        && outcome
            .decision
            .as_ref()
            .is_some_and(|decision| finds(decision, kind))
        && decided_after_s(outcome).is_some_and(|seconds| seconds <= budget_s as f64)
}

/// Returns the end of the last round. Profiling and the report come later.
fn decided_after_s(outcome: &GateOutcome) -> Option<f64> {
    outcome
        .rounds
        .last()
        .map(|round| round.at_s + round.seconds)
}

/// Compares the results with the goals.
fn goals(figures: &Figures) -> Vec<Goal> {
    let reason = "no gate had an outcome";
    let mut goals: Vec<Goal> = Kind::ALL
        .into_iter()
        .zip(&figures.kinds)
        .map(|(kind, own)| match kind {
            Kind::Unchanged => at_most(
                format!(
                    "false alarms: real gates of a build against itself that fail, at most {}",
                    format::percent(FALSE_ALARMS_MAX)
                ),
                own.refuted,
                reason,
            ),
            Kind::Cpu | Kind::Wait => at_least(
                format!(
                    "{} found within {} s in at least {} of real gates",
                    kind.name(),
                    own.budget_s,
                    format::percent(FOUND_MIN)
                ),
                own.found,
                reason,
            ),
        })
        .collect();
    for own in &figures.resampled {
        let of = format!(
            "gates resampled from {} recorded rounds",
            format::count(figures.pool_rounds as u64)
        );
        goals.push(match own.kind {
            Kind::Unchanged => at_most(
                format!(
                    "false alarms of {of}, at most {}",
                    format::percent(FALSE_ALARMS_MAX)
                ),
                own.failed,
                reason,
            ),
            kind => at_least(
                format!(
                    "{} found in at least {} of {of}",
                    kind.name(),
                    format::percent(FOUND_MIN)
                ),
                own.found,
                reason,
            ),
        });
    }
    goals
}

fn at_most(goal: String, counted: Proportion, reason: &str) -> Goal {
    let measured = counted
        .share
        .map(|share| (counted.describe(), share <= FALSE_ALARMS_MAX));
    Goal::new(goal, measured, reason)
}

fn at_least(goal: String, counted: Proportion, reason: &str) -> Goal {
    let measured = counted
        .share
        .map(|share| (counted.describe(), share >= FOUND_MIN));
    Goal::new(goal, measured, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::kind::{CPU, MEAN, P90};
    use crate::gate::sample::{header, rounds, run};

    fn record(kinds: &[(Kind, &[(&str, f64)])]) -> (tempfile::TempDir, Record) {
        let directory = tempfile::tempdir().unwrap();
        let mut record = Record::begin(&directory.path().join("gate.jsonl"), header()).unwrap();
        for (index, (kind, planted)) in kinds.iter().enumerate() {
            let rounds = rounds(16, 0.02, planted, index as u64);
            record.add(run(index, *kind, rounds)).unwrap();
        }
        (directory, record)
    }

    #[test]
    fn meets_goals_with_correct_gates() {
        let (_directory, record) = record(&[
            (Kind::Unchanged, &[]),
            (Kind::Unchanged, &[]),
            (Kind::Cpu, &[(CPU, 0.05)]),
            (Kind::Wait, &[(MEAN, 0.1), (P90, 0.1)]),
        ]);
        let figures = Figures::of(&record, 100);
        assert_eq!(figures.goals.len(), 6);
        let missed: Vec<&Goal> = figures
            .goals
            .iter()
            .filter(|goal| goal.met != Some(true))
            .collect();
        assert!(missed.is_empty(), "{missed:?}");
        assert_eq!(figures.kinds[0].describe_verdicts(), "2 pass");
        assert_eq!(figures.gates[2].failing, [CPU]);
        let json = serde_json::to_string(&figures).unwrap();
        let back: Figures = serde_json::from_str(&json).unwrap();
        assert_eq!(back.goals, figures.goals);
    }

    #[test]
    fn misses_goals_with_wrong_gates() {
        let (_directory, record) = record(&[
            (Kind::Unchanged, &[(CPU, 0.3)]),
            (Kind::Cpu, &[]),
            // A failure for another reason than the planted slowdown.
            (Kind::Wait, &[(CPU, 0.3)]),
        ]);
        let figures = Figures::of(&record, 10);
        let outcomes: Vec<&str> = figures.goals[..3].iter().map(Goal::outcome).collect();
        assert_eq!(outcomes, ["missed", "missed", "missed"]);
        assert_eq!(figures.kinds[2].refuted.hits, 1);
        assert_eq!(figures.kinds[2].found.hits, 0);
    }

    #[test]
    fn ignores_detection_after_budget() {
        let (_directory, record) = record(&[(Kind::Cpu, &[(CPU, 0.05)])]);
        let outcome = &record.runs[0].outcome;
        // The last of 16 rounds ends after 4 + 15 x 1.25 + 1 seconds.
        assert!(found(outcome, Kind::Cpu, 24));
        assert!(!found(outcome, Kind::Cpu, 23));
        assert!(!found(outcome, Kind::Wait, 60));
    }

    #[test]
    fn claims_nothing_without_gates() {
        let (_directory, record) = record(&[]);
        let figures = Figures::of(&record, 10);
        assert!(figures.resampled.is_empty());
        assert!(figures.goals.iter().all(|goal| goal.met.is_none()));
    }
}
