//! What the gates came to: everything that is stored, and nothing that is not in it is shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::{GateOutcome, GateVerdict, Role};
use tenfold_analysis::words;

use crate::gate::effects::{self, MeasuredEffect};
use crate::gate::kind::Kind;
use crate::gate::proportion::Proportion;
use crate::gate::record::{GateRun, Header, Mishap, Record};
use crate::gate::resampling::{Pool, Resampled, finds};
use crate::output::bar::Bar;
use crate::output::spread::Spread;

/// The most of the unchanged builds that may fail.
const MOST_ALARMS: f64 = 0.01;

/// The least of the planted slowdowns that must be found.
const LEAST_FOUND: f64 = 0.95;

/// The exit code that refutes a change.
const REFUTED: u8 = 99;

/// What the gates came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// How they were done, and on what.
    pub(crate) benchmark: Header,
    /// How long it took, in seconds.
    pub(crate) took_s: f64,
    /// The versions of Tenfold that gated.
    pub(crate) tools: Vec<String>,
    /// What is asked of the gate, and whether it is met.
    pub(crate) bars: Vec<Bar>,
    /// What the gates of each kind came to.
    pub(crate) kinds: Vec<KindFigures>,
    /// What was measured of what was planted.
    pub(crate) effects: Vec<MeasuredEffect>,
    /// Rounds that gates are resampled from.
    pub(crate) pool_rounds: usize,
    /// Restarts that those rounds are of.
    pub(crate) pool_restarts: usize,
    /// What resampled gates came to.
    pub(crate) resampled: Vec<Resampled>,
    /// Every gate, in order.
    pub(crate) gates: Vec<GateFigures>,
    /// Gates that told no outcome.
    pub(crate) mishaps: Vec<Mishap>,
}

/// What the gates of one kind came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KindFigures {
    /// What was planted.
    pub(crate) kind: Kind,
    /// The time that each had for its rounds, in seconds.
    pub(crate) budget_s: u64,
    /// Gates that refuted the candidate, whatever for.
    pub(crate) refuted: Proportion,
    /// Gates that failed by a metric that shows what was planted, within the budget.
    pub(crate) found: Proportion,
    /// Gates that neither passed nor refuted.
    pub(crate) undecided: Proportion,
    /// Gates by their verdict.
    pub(crate) verdicts: BTreeMap<String, usize>,
    /// When the last round ended, in seconds since the gate began; none without rounds.
    pub(crate) decided_after_s: Option<Spread>,
    /// Rounds until the verdict.
    pub(crate) rounds: Option<Spread>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct GateFigures {
    /// Its place in the order, from 0.
    pub(crate) index: usize,
    /// What was planted.
    pub(crate) kind: Kind,
    /// When it began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The verdict in a word.
    pub(crate) verdict: String,
    /// The exit code.
    pub(crate) exit_code: u8,
    /// The verdict in a sentence.
    pub(crate) sentence: String,
    /// Rounds until then.
    pub(crate) rounds: usize,
    /// When the last of them ended, in seconds since the gate began; none without rounds.
    pub(crate) decided_after_s: Option<f64>,
    /// How long the gate took, profiles included, in seconds.
    pub(crate) elapsed_s: f64,
    /// The metrics that failed.
    pub(crate) failing: Vec<String>,
    /// The estimated effect of each metric, as a ratio less one.
    pub(crate) effects: BTreeMap<String, f64>,
}

impl Figures {
    /// Reckons up a record; so many gates of each kind are resampled from it.
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
        let mut figures = Self {
            benchmark: record.header.clone(),
            took_s: record.took_s,
            tools,
            bars: Vec::new(),
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
        };
        figures.bars = bars(&figures);
        figures
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

    /// Says how many gates came to which verdict: `38 pass, 2 inconclusive`.
    pub(crate) fn say_verdicts(&self) -> String {
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

/// Whether a gate found what was planted, in its time.
fn found(outcome: &GateOutcome, kind: Kind, budget_s: u64) -> bool {
    outcome.exit_code == REFUTED
        && outcome
            .decision
            .as_ref()
            .is_some_and(|decision| finds(decision, kind))
        && decided_after_s(outcome).is_some_and(|seconds| seconds <= budget_s as f64)
}

/// When the last round ended: what comes after is profiling and the report.
fn decided_after_s(outcome: &GateOutcome) -> Option<f64> {
    outcome
        .rounds
        .last()
        .map(|round| round.at_s + round.seconds)
}

/// Holds what was counted against what is asked.
fn bars(figures: &Figures) -> Vec<Bar> {
    let nothing = "no gate told an outcome";
    let mut bars: Vec<Bar> = Kind::ALL
        .into_iter()
        .zip(&figures.kinds)
        .map(|(kind, own)| match kind {
            Kind::Unchanged => at_most(
                format!(
                    "false alarms: real gates of a build beside itself that fail, at most {}",
                    words::percent(MOST_ALARMS)
                ),
                own.refuted,
                nothing,
            ),
            Kind::Cpu | Kind::Wait => at_least(
                format!(
                    "{} found within {} s in at least {} of real gates",
                    kind.name(),
                    own.budget_s,
                    words::percent(LEAST_FOUND)
                ),
                own.found,
                nothing,
            ),
        })
        .collect();
    for own in &figures.resampled {
        let of = format!(
            "gates resampled from {} recorded rounds",
            words::count(figures.pool_rounds as u64)
        );
        bars.push(match own.kind {
            Kind::Unchanged => at_most(
                format!(
                    "false alarms of {of}, at most {}",
                    words::percent(MOST_ALARMS)
                ),
                own.failed,
                nothing,
            ),
            kind => at_least(
                format!(
                    "{} found in at least {} of {of}",
                    kind.name(),
                    words::percent(LEAST_FOUND)
                ),
                own.found,
                nothing,
            ),
        });
    }
    bars
}

fn at_most(asked: String, counted: Proportion, nothing: &str) -> Bar {
    let measured = counted
        .share
        .map(|share| (counted.say(), share <= MOST_ALARMS));
    Bar::new(asked, measured, nothing)
}

fn at_least(asked: String, counted: Proportion, nothing: &str) -> Bar {
    let measured = counted
        .share
        .map(|share| (counted.say(), share >= LEAST_FOUND));
    Bar::new(asked, measured, nothing)
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
    fn what_is_met_is_told_apart_from_what_is_not() {
        let (_directory, record) = record(&[
            (Kind::Unchanged, &[]),
            (Kind::Unchanged, &[]),
            (Kind::Cpu, &[(CPU, 0.05)]),
            (Kind::Wait, &[(MEAN, 0.1), (P90, 0.1)]),
        ]);
        let figures = Figures::of(&record, 100);
        assert_eq!(figures.bars.len(), 6);
        let missed: Vec<&Bar> = figures
            .bars
            .iter()
            .filter(|bar| bar.met != Some(true))
            .collect();
        assert!(missed.is_empty(), "{missed:?}");
        assert_eq!(figures.kinds[0].say_verdicts(), "2 pass");
        assert_eq!(figures.gates[2].failing, [CPU]);
        let json = serde_json::to_string(&figures).unwrap();
        let back: Figures = serde_json::from_str(&json).unwrap();
        assert_eq!(back.bars, figures.bars);
    }

    #[test]
    fn a_false_alarm_and_a_miss_are_told_as_such() {
        let (_directory, record) = record(&[
            (Kind::Unchanged, &[(CPU, 0.3)]),
            (Kind::Cpu, &[]),
            // Failed, but for another reason than what was planted.
            (Kind::Wait, &[(CPU, 0.3)]),
        ]);
        let figures = Figures::of(&record, 10);
        let outcomes: Vec<&str> = figures.bars[..3].iter().map(Bar::outcome).collect();
        assert_eq!(outcomes, ["missed", "missed", "missed"]);
        assert_eq!(figures.kinds[2].refuted.hits, 1);
        assert_eq!(figures.kinds[2].found.hits, 0);
    }

    #[test]
    fn what_is_found_too_late_is_not_found() {
        let (_directory, record) = record(&[(Kind::Cpu, &[(CPU, 0.05)])]);
        let outcome = &record.runs[0].outcome;
        // The last of 16 rounds ends after 4 + 15 x 1.25 + 1 seconds.
        assert!(found(outcome, Kind::Cpu, 24));
        assert!(!found(outcome, Kind::Cpu, 23));
        assert!(!found(outcome, Kind::Wait, 60));
    }

    #[test]
    fn nothing_is_claimed_of_nothing() {
        let (_directory, record) = record(&[]);
        let figures = Figures::of(&record, 10);
        assert!(figures.resampled.is_empty());
        assert!(figures.bars.iter().all(|bar| bar.met.is_none()));
    }
}
