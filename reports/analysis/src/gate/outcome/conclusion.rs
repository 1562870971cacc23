//! The verdict of a gate in a word, a sentence and an exit code.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gate::decision::{Decision, GateVerdict};
use crate::gate::metric::{MetricResult, Role};
use crate::gate::outcome::bad_day::BadDay;
use crate::gate::outcome::{Calibration, GateOutcome};
use crate::words;

/// The verdict of a gate in a word: of the three, or of a day on which it could not be one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The candidate is no slower than tolerated.
    Pass,
    /// The candidate is slower.
    Fail,
    /// Neither is shown.
    #[default]
    Inconclusive,
    /// A build did not come to answer.
    DidNotStart,
    /// A build ended while it was measured.
    Died,
    /// Somebody ended the gate.
    Interrupted,
    /// The builds answered the same requests with different statuses.
    AnswersDiffer,
    /// Nothing was measured that could be compared.
    NothingMeasured,
    /// The memory of a build grew all the while.
    Leaked,
    /// The noise is too great for the limits within the budget.
    TooNoisy,
    /// No change was judged: the baseline was set beside itself, and some of what matters can be gated here.
    Calibrated,
}

impl Conclusion {
    /// All of them, the gravest first: the first that is the case is the verdict.
    pub const BY_GRAVITY: [Conclusion; 11] = [
        Conclusion::DidNotStart,
        Conclusion::Died,
        Conclusion::Interrupted,
        Conclusion::AnswersDiffer,
        Conclusion::NothingMeasured,
        Conclusion::Fail,
        Conclusion::Leaked,
        Conclusion::TooNoisy,
        Conclusion::Inconclusive,
        Conclusion::Pass,
        Conclusion::Calibrated,
    ];

    /// The word for it in `gate.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::DidNotStart => "did_not_start",
            Self::Died => "died",
            Self::Interrupted => "interrupted",
            Self::AnswersDiffer => "answers_differ",
            Self::NothingMeasured => "nothing_measured",
            Self::Leaked => "leaked",
            Self::TooNoisy => "too_noisy",
            Self::Calibrated => "calibrated",
        }
    }

    /// The exit code of the command.
    ///
    /// 0 of a pass, and of a calibration that is of use. 99 where the change is refuted: it is slower, it answers otherwise, or it leaks. 121
    /// where nothing is shown either way, noise included. 107 where a build did not start or died: a
    /// component failed, and no figure is to blame. 120 where there is no measurement to judge, and 105
    /// of an interruption.
    ///
    /// Advice does not stop anybody, so that what is shown of the change (99) and what is not (121) end
    /// with 0 where the gate is advisory. The other three stay: a gate that no longer measures anything
    /// would otherwise go unnoticed for months.
    pub fn exit_code(self, advisory: bool) -> u8 {
        match self {
            Self::Pass | Self::Calibrated => 0,
            Self::Fail | Self::AnswersDiffer | Self::Leaked if advisory => 0,
            Self::Inconclusive | Self::TooNoisy if advisory => 0,
            Self::Fail | Self::AnswersDiffer | Self::Leaked => 99,
            Self::Inconclusive | Self::TooNoisy => 121,
            Self::Interrupted => 105,
            Self::DidNotStart | Self::Died => 107,
            Self::NothingMeasured => 120,
        }
    }

    /// Whether the figures are of the same work on both sides, however they were judged.
    pub fn has_figures(self) -> bool {
        match self {
            Self::Pass | Self::Fail | Self::Inconclusive | Self::Leaked | Self::TooNoisy => true,
            Self::DidNotStart
            | Self::Died
            | Self::Interrupted
            | Self::AnswersDiffer
            | Self::NothingMeasured
            | Self::Calibrated => false,
        }
    }

    /// Its place among all, the gravest being 0.
    pub(crate) fn gravity(self) -> usize {
        let all = Self::BY_GRAVITY.iter();
        all.take_while(|other| **other != self).count()
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Concludes from the gravest that is the case. A calibration that nothing was judged by is what was asked
/// for; without one, a decision and a bad day, nothing was measured.
pub(crate) fn conclude(
    bad_days: &[BadDay],
    decision: Option<&Decision>,
    calibration: Option<&Calibration>,
) -> Conclusion {
    let decided = decision.map(|decision| match decision.verdict {
        GateVerdict::Pass => Conclusion::Pass,
        GateVerdict::Fail => Conclusion::Fail,
        GateVerdict::Inconclusive => Conclusion::Inconclusive,
    });
    let all = bad_days.iter().map(BadDay::conclusion).chain(decided);
    all.min_by_key(|conclusion| conclusion.gravity())
        .unwrap_or_else(|| match calibration {
            Some(calibration) if calibration.is_of_use() => Conclusion::Calibrated,
            Some(_) => Conclusion::TooNoisy,
            None => Conclusion::NothingMeasured,
        })
}

/// Says the verdict in a sentence with the figures that bear it out.
pub(crate) fn sentence(outcome: &GateOutcome) -> String {
    let bad_day = outcome.bad_days.first();
    if let Some(day) = bad_day.filter(|day| day.conclusion() == outcome.verdict) {
        return day.sentence();
    }
    let Some(decision) = &outcome.decision else {
        if let Some(calibration) = &outcome.calibration {
            return calibrated(calibration);
        }
        return "Nothing was measured: no round was completed.".to_owned();
    };
    let rounds = words::count(decision.rounds as u64);
    let gated = || {
        let metrics = decision.metrics.iter();
        metrics.filter(|result| result.metric.role == Role::Gated)
    };
    let shown = |is: fn(&MetricResult) -> bool| {
        gated()
            .filter(|result| is(result))
            .map(effect)
            .collect::<Vec<_>>()
    };
    match decision.verdict {
        GateVerdict::Fail => {
            let mut worse = shown(|result| result.verdict == GateVerdict::Fail);
            let failures = decision.failures.as_ref();
            worse.extend(
                failures
                    .filter(|failures| {
                        failures.verdict == GateVerdict::Fail && failures.rule.role == Role::Gated
                    })
                    .map(|failures| failures.reason.clone()),
            );
            format!(
                "The candidate is worse after {rounds} rounds: {}.",
                worse.join(", ")
            )
        }
        GateVerdict::Pass => {
            let better = shown(|result| result.improved);
            if better.is_empty() {
                let worst = gated()
                    .filter(|result| result.effect.is_some())
                    .max_by(|a, b| value(a).total_cmp(&value(b)));
                format!(
                    "The candidate is no slower than tolerated after {rounds} rounds; at worst {}.",
                    worst.map_or_else(|| "nothing".to_owned(), effect)
                )
            } else {
                format!(
                    "The candidate is better after {rounds} rounds, and nothing that is gated is worse than \
                     tolerated: {}.",
                    better.join(", ")
                )
            }
        }
        GateVerdict::Inconclusive => {
            let open = decision.reasons.join("; ");
            format!("Neither is shown after {rounds} rounds: {open}.")
        }
    }
}

/// Says what a calibration allows.
fn calibrated(calibration: &Calibration) -> String {
    let gated: Vec<&str> = calibration.gated().collect();
    let rounds = words::count(calibration.rounds as u64);
    if calibration.is_of_use() {
        return format!(
            "Of the baseline beside itself, {rounds} rounds were measured; here can be gated: {}.",
            gated.join(", ")
        );
    }
    let reasons: Vec<String> = calibration
        .metrics
        .iter()
        .filter_map(|metric| Some(format!("{}: {}", metric.name, metric.reason.as_ref()?)))
        .collect();
    format!(
        "Of the baseline beside itself, {rounds} rounds were measured, and neither processor time nor mean \
         response time can be gated here ({}).",
        reasons.join("; ")
    )
}

/// Says what to do next; empty where there is nothing to do.
pub(crate) fn next(outcome: &GateOutcome) -> String {
    let decision = outcome.decision.as_ref();
    let open = || {
        let metrics = decision.map_or(&[][..], |decision| &decision.metrics);
        let gated = metrics.iter().filter(|result| {
            result.metric.role == Role::Gated && result.verdict == GateVerdict::Inconclusive
        });
        gated.filter_map(|result| Some((result.rounds_needed?, result.metric.name.as_str())))
    };
    let judged = decision.map_or(0, |decision| decision.rounds);
    match outcome.verdict {
        Conclusion::TooNoisy if outcome.bad_days.is_empty() => {
            "Raise --budget or --min-effect, or use a quieter machine.".to_owned()
        }
        Conclusion::Calibrated
        | Conclusion::Pass
        | Conclusion::Interrupted
        | Conclusion::TooNoisy => String::new(),
        Conclusion::Fail if outcome.cause.is_some() => {
            "Begin with the functions and waits that changed most.".to_owned()
        }
        Conclusion::Fail => {
            "Profile both builds under the same load, and compare where their time goes.".to_owned()
        }
        Conclusion::Inconclusive => match open().max() {
            Some((needed, name)) if needed > judged => format!(
                "Give it more rounds: as noisy as it was, {name} takes about {} to be judged, and there \
                 were {}. A greater --budget gives them; a quieter machine needs fewer.",
                words::count(needed as u64),
                words::count(judged as u64)
            ),
            _ => "Measure again: the effect lies so near to the limit that chance decides.".to_owned(),
        },
        Conclusion::DidNotStart => {
            "Start it by hand with the same command, and read what it writes.".to_owned()
        }
        Conclusion::Died => "Read the last lines it wrote, and its core file if there is one.".to_owned(),
        Conclusion::AnswersDiffer => {
            "Look at the requests whose answers differ. If the change is meant to answer otherwise, \
             gate requests that it leaves alone."
                .to_owned()
        }
        Conclusion::NothingMeasured => {
            "Run the scenario against one build with `tenfold run`, which says what is wrong with it."
                .to_owned()
        }
        Conclusion::Leaked => {
            "Take a heap profile of the build early and late, and compare what is held.".to_owned()
        }
    }
}

fn value(result: &MetricResult) -> f64 {
    result
        .effect
        .map_or(f64::NEG_INFINITY, |effect| effect.value)
}

/// Says an effect with its interval: `cpu +5.03% (+3.9% to +6.2%)`.
fn effect(result: &MetricResult) -> String {
    let name = &result.metric.name;
    match result.effect {
        None => name.clone(),
        Some(effect) => match effect.interval {
            None => format!("{name} {}", words::change(effect.value)),
            Some(interval) => format!(
                "{name} {} ({} to {})",
                words::change(effect.value),
                words::change(interval.low),
                words::change(interval.high)
            ),
        },
    }
}
