//! Verdict of a gate in a sentence, and the next step.

use crate::format;
use crate::gate::decision::Decision;
use crate::gate::metric::Role;
use crate::gate::metric_result::MetricResult;
use crate::gate::outcome::GateOutcome;
use crate::gate::outcome::bad_day::BadDay;
use crate::gate::outcome::calibration::Calibration;
use crate::gate::outcome::conclusion::Conclusion;
use crate::gate::verdict::GateVerdict;

/// Returns the most severe verdict of the problems and the decision. Without either, the verdict is that of the
/// calibration; without a calibration, nothing was measured.
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

/// Describes the verdict in a sentence with its figures.
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
    let rounds = format::count(decision.rounds as u64);
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
                    "The candidate is better after {rounds} rounds, and no gated metric is worse than tolerated: \
                     {}.",
                    better.join(", ")
                )
            }
        }
        GateVerdict::Inconclusive => {
            let open = decision.reasons.join("; ");
            format!("Inconclusive after {rounds} rounds: {open}.")
        }
    }
}

/// Describes a calibration in a sentence.
fn calibrated(calibration: &Calibration) -> String {
    let gated: Vec<&str> = calibration.gated().collect();
    let rounds = format::count(calibration.rounds as u64);
    if calibration.is_of_use() {
        return format!(
            "Calibrated with {rounds} rounds of the baseline against itself. Metrics that can be gated: {}.",
            gated.join(", ")
        );
    }
    let reasons: Vec<String> = calibration
        .metrics
        .iter()
        .filter_map(|metric| Some(format!("{}: {}", metric.name, metric.reason.as_ref()?)))
        .collect();
    format!(
        "Calibrated with {rounds} rounds of the baseline against itself. Neither CPU time nor mean response \
         time can be gated on this machine ({}).",
        reasons.join("; ")
    )
}

/// Returns the recommended next step; empty if there is none.
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
            "Start with the functions and waits that changed most.".to_owned()
        }
        Conclusion::Fail => {
            "Profile both builds under the same load, and compare the profiles.".to_owned()
        }
        Conclusion::Inconclusive => match open().max() {
            Some((needed, name)) if needed > judged => format!(
                "Run more rounds: at this noise, {name} needs about {}, and there were {}. Raise --budget, or \
                 use a quieter machine.",
                format::count(needed as u64),
                format::count(judged as u64)
            ),
            _ => "Repeat the gate: the effect is so close to the limit that chance decides.".to_owned(),
        },
        Conclusion::DidNotStart => {
            "Start the build by hand with the same command, and read its output.".to_owned()
        }
        Conclusion::Died => "Read its last lines of output, and its core file if there is one.".to_owned(),
        Conclusion::AnswersDiffer => {
            "Look at the requests whose responses differ. If the change alters responses on purpose, gate \
             requests that it does not affect."
                .to_owned()
        }
        Conclusion::NothingMeasured => {
            "Run the scenario against one build with `tenfold run`, and read its findings."
                .to_owned()
        }
        Conclusion::Leaked => {
            "Take heap profiles of the build early and late, and compare them.".to_owned()
        }
    }
}

fn value(result: &MetricResult) -> f64 {
    result
        .effect
        .map_or(f64::NEG_INFINITY, |effect| effect.value)
}

/// Formats an effect with its interval: `cpu +5.03% (+3.9% to +6.2%)`.
fn effect(result: &MetricResult) -> String {
    let name = &result.metric.name;
    match result.effect {
        None => name.clone(),
        Some(effect) => match effect.interval {
            None => format!("{name} {}", format::change(effect.value)),
            Some(interval) => format!(
                "{name} {} ({} to {})",
                format::change(effect.value),
                format::change(interval.low),
                format::change(interval.high)
            ),
        },
    }
}
