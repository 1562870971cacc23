//! `knee.json`: the answer of a search, with the figures of its trials.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::goal::Goal;
use super::trial::{Outcome, Trial};
use crate::summary::Summary;
use crate::summary::finding::Finding;

/// Version of the format.
const VERSION: u32 = 1;

/// The answer of a search, with the figures of its trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// Version of this format.
    pub version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Address of the target.
    pub target: String,
    /// Objectives that a sustained rate meets.
    pub rules: Vec<String>,
    /// The answer.
    pub answer: Answer,
    /// First finding of the longest trial just above the knee. `None` if none failed, or it has no finding.
    pub limit: Option<String>,
    /// Objectives that even the long trials were too short for.
    pub not_judged: Vec<String>,
    /// The trials, in order.
    pub trials: Vec<TrialReport>,
    /// Runs below, just below and just above the knee. Empty if the knee is not known, or no time was left.
    #[serde(default)]
    pub loads: Vec<KneeLoad>,
}

/// A run at a share of the knee.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KneeLoad {
    /// Offered rate, relative to the knee.
    pub share: f64,
    /// The run.
    #[serde(flatten)]
    pub trial: TrialReport,
    /// Its findings, the most important first.
    pub findings: Vec<Finding>,
}

/// A trial with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialReport {
    /// Its run directory, below that of the search.
    pub directory: PathBuf,
    /// Offered rate, per second.
    pub rate: f64,
    /// Time for which it was sent, in seconds, without its warm-up.
    pub duration_s: f64,
    /// True if the trial before it was not sustained.
    pub after_overload: bool,
    /// Result.
    pub outcome: OutcomeName,
    /// Figures of its run.
    #[serde(flatten)]
    pub figures: TrialFigures,
}

/// Result of a trial, without figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeName {
    /// The service sustained the rate.
    Sustained,
    /// It did not.
    NotSustained,
    /// An objective is met or missed within the error of the measurement.
    Undecided,
    /// The generator did not send the rate, or not in time.
    NotMeasured,
}

/// Figures of the run of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialFigures {
    /// Answers per second.
    pub achieved: f64,
    /// Answers per second that meet every objective on a latency. `None` without such an objective.
    pub goodput: Option<f64>,
    /// Share of failed and dropped arrivals.
    pub lost: f64,
    /// Median response time, in nanoseconds.
    pub p50_ns: Option<u64>,
    /// Response time at p99, in nanoseconds.
    pub p99_ns: Option<u64>,
    /// Processors in use by the service. `None` if it is not known.
    pub service_cores: Option<f64>,
    /// Processors in use by the generator.
    pub generator_cores: f64,
    /// First finding.
    pub finding: Option<String>,
    /// Objectives that were not judged.
    pub not_judged: Vec<String>,
}

impl TrialFigures {
    /// Returns the figures of a run.
    pub fn of(summary: &Summary, goodput: Option<f64>) -> Self {
        let arrivals = &summary.arrivals;
        let response = &summary.latency_ns.response;
        let unjudged = summary.rules.iter().filter(|rule| rule.met.is_none());
        Self {
            achieved: summary.rate_per_s.achieved,
            goodput,
            lost: (arrivals.failed + arrivals.dropped) as f64 / arrivals.planned.max(1) as f64,
            p50_ns: response.p50,
            p99_ns: response.p99,
            service_cores: summary.target_usage.as_ref().map(|usage| usage.cores_used),
            generator_cores: summary.generator.cores_used,
            finding: summary.findings.first().map(|own| own.title.clone()),
            not_judged: unjudged.map(|rule| rule.text.clone()).collect(),
        }
    }
}

impl SearchReport {
    /// Puts an answer and the figures of its trials together. `figures` are those of each trial, in order, with its
    /// run directory.
    pub fn new(
        (scenario, target): (&str, &str),
        rules: Vec<String>,
        goal: Goal,
        answer: Answer,
        figures: Vec<(PathBuf, TrialFigures)>,
    ) -> Self {
        let judged: Vec<(&Trial, &TrialFigures)> = answer
            .trials
            .iter()
            .zip(figures.iter().map(|(_, figures)| figures))
            .collect();
        let (limit, not_judged) = (limit(&answer, &judged), not_judged(goal, &judged));
        let trials = answer.trials.iter().zip(figures);
        let trials = trials.map(|(trial, (directory, figures))| TrialReport {
            directory,
            rate: trial.rate,
            duration_s: trial.duration.as_secs_f64(),
            after_overload: trial.after_overload,
            outcome: OutcomeName::of(trial.outcome),
            figures,
        });
        Self {
            version: VERSION,
            scenario: scenario.to_owned(),
            target: target.to_owned(),
            rules,
            limit,
            not_judged,
            trials: trials.collect(),
            loads: Vec::new(),
            answer,
        }
    }
}

impl OutcomeName {
    /// Returns the name of a result.
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Sustained => Self::Sustained,
            Outcome::NotSustained { .. } => Self::NotSustained,
            Outcome::Undecided => Self::Undecided,
            Outcome::NotMeasured => Self::NotMeasured,
        }
    }

    /// Returns the result as text: `not sustained`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Sustained => "sustained",
            Self::NotSustained => "not sustained",
            Self::Undecided => "undecided",
            Self::NotMeasured => "not measured",
        }
    }
}

/// Returns the first finding of the lowest failed trial, the longest of them.
fn limit(answer: &Answer, trials: &[(&Trial, &TrialFigures)]) -> Option<String> {
    let failed = answer.failed?;
    let beyond = trials.iter().filter(|(trial, _)| {
        matches!(trial.outcome, Outcome::NotSustained { .. }) && trial.rate >= failed
    });
    let (_, figures) = beyond
        .min_by(|(a, _), (b, _)| b.duration.cmp(&a.duration).then(a.rate.total_cmp(&b.rate)))?;
    figures.finding.clone()
}

/// Returns the objectives that no long trial judged.
fn not_judged(goal: Goal, trials: &[(&Trial, &TrialFigures)]) -> Vec<String> {
    let mut long = trials
        .iter()
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
