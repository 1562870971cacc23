//! The figures of a gate, formatted.

use tenfold_analysis::format;
use tenfold_analysis::gate::{
    Answers, Attempts, Conclusion, Decision, FailureResult, FunctionChange, GateOutcome,
    GateVerdict, MemoryUse, MetricResult, Pair, Role, Settings, Side,
};

use crate::chart::forest::Bar;
use crate::document::{Judgement, Tone};

/// Placeholder for an absent figure.
pub(crate) const NOTHING: &str = "–";

/// The share of unmatched responses that goes without mention.
const UNMATCHED_SHARE_MAX: f64 = 0.02;

/// Returns the verdict as a tone and a word or two.
pub(crate) fn headline(outcome: &GateOutcome) -> (Tone, &'static str) {
    match outcome.verdict {
        Conclusion::Pass if improved(outcome) => (Tone::Good, "Passed, and better"),
        Conclusion::Pass => (Tone::Good, "Passed"),
        Conclusion::Calibrated => (Tone::Good, "Calibrated"),
        Conclusion::Fail => (Tone::Bad, "Failed"),
        Conclusion::Inconclusive => (Tone::Caution, "Inconclusive"),
        Conclusion::TooNoisy => (Tone::Caution, "Too noisy to judge"),
        Conclusion::DidNotStart => (Tone::Bad, "Did not start"),
        Conclusion::Died => (Tone::Bad, "Died under load"),
        Conclusion::Interrupted => (Tone::Caution, "Interrupted"),
        Conclusion::AnswersDiffer => (Tone::Bad, "Answers differ"),
        Conclusion::NothingMeasured => (Tone::Bad, "Nothing measured"),
        Conclusion::Leaked => (Tone::Bad, "Leaked memory"),
    }
}

fn improved(outcome: &GateOutcome) -> bool {
    outcome.decision.as_ref().is_some_and(|decision| {
        let metrics = decision.metrics.iter();
        let failures = decision.failures.as_ref();
        metrics
            .map(|result| (result.improved, result.metric.role))
            .chain(failures.map(|result| (result.improved, result.rule.role)))
            .any(|(improved, role)| improved && role == Role::Gated)
    })
}

/// A row of the table of effects.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) judgement: Judgement,
    /// The verdict. `None` if the metric is not gated.
    pub(crate) verdict: Option<GateVerdict>,
    /// Better than the baseline.
    pub(crate) improved: bool,
    pub(crate) baseline: String,
    pub(crate) candidate: String,
    pub(crate) effect: String,
    pub(crate) interval: String,
    /// The limit of the effect.
    pub(crate) limit: String,
    /// The smallest detectable slowdown.
    pub(crate) sees: String,
    /// The drawing of the effect. `None` without an effect.
    pub(crate) bar: Option<Bar>,
}

/// Returns the table of effects: the metrics in the plan's order, then failures.
pub(crate) fn rows(decision: &Decision) -> Vec<Row> {
    let metrics = decision.metrics.iter().map(metric_row);
    metrics
        .chain(decision.failures.as_ref().map(failure_row))
        .collect()
}

fn metric_row(result: &MetricResult) -> Row {
    let metric = &result.metric;
    let gated = (metric.role == Role::Gated).then_some(result.verdict);
    let reason = match &metric.not_gated_because {
        Some(why) => format!("not gated: {why}"),
        None => result.reason.clone(),
    };
    let judgement = judgement(&metric.name, gated, result.improved, reason);
    let interval = result.effect.and_then(|effect| effect.interval);
    let bar = result.effect.map(|effect| Bar {
        value: effect.value,
        interval: interval.map(|interval| (interval.low, interval.high)),
        tolerance: gated.and(Some(result.limits.tolerance)),
        fail_above: gated.and(Some(result.limits.fail_above)),
    });
    Row {
        judgement,
        verdict: gated,
        improved: result.improved,
        baseline: of(result.medians, |pair| value(&metric.unit, pair.baseline)),
        candidate: of(result.medians, |pair| value(&metric.unit, pair.candidate)),
        effect: of(result.effect, |effect| format::change(effect.value)),
        interval: of(interval, |interval| {
            format!(
                "{} to {}",
                format::change(interval.low),
                format::change(interval.high)
            )
        }),
        limit: limit(result),
        sees: of(result.smallest_detectable, |effect| {
            // A larger effect is as good as none.
            if effect < 10.0 {
                format::percent(effect)
            } else {
                "nothing".to_owned()
            }
        }),
        bar,
    }
}

fn limit(result: &MetricResult) -> String {
    let limits = result.limits;
    if result.metric.role == Role::Informs {
        return NOTHING.to_owned();
    }
    if limits.tolerance == limits.fail_above {
        return format::percent(limits.tolerance);
    }
    format!(
        "{}, fails above {}",
        format::percent(limits.tolerance),
        format::percent(limits.fail_above)
    )
}

fn failure_row(result: &FailureResult) -> Row {
    let gated = (result.rule.role == Role::Gated).then_some(result.verdict);
    let share = |attempts: Attempts| {
        format!(
            "{} of {}",
            format::count(attempts.failed),
            format::count(attempts.sent)
        )
    };
    let [low, high] = result.interval_95;
    Row {
        judgement: judgement(
            "failed requests",
            gated,
            result.improved,
            result.reason.clone(),
        ),
        verdict: gated,
        improved: result.improved,
        baseline: share(result.counts.baseline),
        candidate: share(result.counts.candidate),
        effect: of(result.difference, points),
        interval: of(result.difference, |_| {
            let (low, high) = (points(low), points(high));
            format!("{} to {high}", low.trim_end_matches(" points"))
        }),
        limit: of(gated, |_| points(result.rule.limit)),
        sees: NOTHING.to_owned(),
        bar: None,
    }
}

/// Formats a difference of shares in percentage points: `+0.21 points`.
fn points(difference: f64) -> String {
    match format::change(difference).strip_suffix('%') {
        Some("0") | None => "0 points".to_owned(),
        Some(number) => format!("{number} points"),
    }
}

fn judgement(name: &str, gated: Option<GateVerdict>, improved: bool, reason: String) -> Judgement {
    let (tone, sign, word) = match gated {
        None => (Tone::Caution, "·", "informs"),
        Some(GateVerdict::Pass) if improved => (Tone::Good, "✓", "better"),
        Some(GateVerdict::Pass) => (Tone::Good, "✓", "pass"),
        Some(GateVerdict::Fail) => (Tone::Bad, "✗", "fail"),
        Some(GateVerdict::Inconclusive) => (Tone::Caution, "?", "unclear"),
    };
    Judgement {
        tone,
        sign,
        word,
        name: name.to_owned(),
        reason,
    }
}

fn of<T>(value: Option<T>, format: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), format)
}

/// Formats a value with its unit, scaled for times and sizes.
pub(crate) fn value(unit: &str, value: f64) -> String {
    match unit {
        "ns" => format::duration_of(value),
        "µs" | "us" => format::duration_of(value * 1e3),
        "ms" => format::duration_of(value * 1e6),
        "s" => format::duration_of(value * 1e9),
        "B" | "bytes" => format::bytes(value.max(0.0) as u64),
        "" => format::significant(value),
        unit => format!("{} {unit}", format::significant(value)),
    }
}

/// Explains the intervals of the effects. `None` without intervals.
pub(crate) fn how_intervals_hold(decision: &Decision, settings: &Settings) -> Option<String> {
    let mut metrics = decision.metrics.iter();
    metrics.find(|result| {
        result
            .effect
            .is_some_and(|effect| effect.interval.is_some())
    })?;
    // A look spends its alpha at each end of the interval.
    let missed = 2.0 * settings.alpha;
    Some(format!(
        "An effect is the ratio of candidate to baseline in the same rounds, minus 1. Each interval \
         contains the true effect with a probability of at least {}, regardless of the look.",
        format::percent(1.0 - missed)
    ))
}

/// Returns the smallest detectable slowdown of each gated metric. `None` without gated metrics.
pub(crate) fn detectable(decision: &Decision) -> Option<String> {
    let gated = decision
        .metrics
        .iter()
        .filter(|result| result.metric.role == Role::Gated && result.smallest_detectable.is_some());
    let seen: Vec<String> = gated
        .map(|result| {
            let row = metric_row(result);
            format!("{} of {}", row.sees, row.judgement.name)
        })
        .collect();
    (!seen.is_empty()).then(|| {
        format!(
            "The smallest slowdowns that {} rounds detect: {}.",
            format::count(decision.rounds as u64),
            seen.join(", ")
        )
    })
}

/// Names a build: its label, and its revision unless the label is one.
pub(crate) fn build(outcome: &GateOutcome, side: Side) -> String {
    let build = outcome.builds.of(side);
    let label = match build.label.as_str() {
        "" => build.given.as_str(),
        label => label,
    };
    match &build.revision {
        Some(revision) if !revision.starts_with(label) || label.is_empty() => {
            let short: String = revision.chars().take(12).collect();
            format!("{label} ({short})").trim_start().to_owned()
        }
        _ => label.to_owned(),
    }
}

/// Compares the responses of both builds.
pub(crate) fn answers(answers: &Answers) -> String {
    let compared = format!(
        "{} pairs of responses compared",
        format::count(answers.compared)
    );
    let differences: Vec<String> = [
        (answers.statuses_differ, "with different statuses"),
        (answers.bodies_differ, "with different bodies only"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, how)| format!("{} {how}", format::count(count)))
    .collect();
    let text = match (answers.compared, differences.is_empty()) {
        (0, _) => "no responses were compared".to_owned(),
        (_, true) => format!("{compared}, all equal"),
        (_, false) => format!("{compared}: {}", differences.join(", ")),
    };
    // A few requests are always in flight when an epoch ends.
    if answers.unmatched as f64 <= UNMATCHED_SHARE_MAX * answers.compared as f64 {
        return text;
    }
    format!(
        "{text}; {} more have no counterpart from the other build",
        format::count(answers.unmatched)
    )
}

/// Returns the capacity of one processor for both builds. `None` if CPU time was not compared.
pub(crate) fn capacity(outcome: &GateOutcome) -> Option<String> {
    let capacity = outcome.capacity?;
    let rate = |rate: f64| format!("{}/s", format::count(rate.round() as u64));
    Some(format!(
        "one processor sustains up to {}, before {}, by CPU time alone; waits and locks may saturate first",
        rate(capacity.candidate),
        rate(capacity.baseline)
    ))
}

/// Describes the memory of a build over time. `None` without readings.
pub(crate) fn memory(memory: &MemoryUse) -> Option<String> {
    let (first, last) = (memory.first_mib()?, memory.last_mib()?);
    let growth = memory.growth.map(|growth| {
        let interval = growth.interval_95.map_or_else(String::new, |[low, high]| {
            format!(" (95% interval {} to {})", signed(low), signed(high))
        });
        format!(", {} MiB per minute{interval}", signed(growth.mib_per_min))
    });
    Some(format!(
        "{} to {} MiB, at most {}{}",
        format::significant(first),
        format::significant(last),
        format::significant(memory.peak_mib()?),
        growth.unwrap_or_default()
    ))
}

fn signed(number: f64) -> String {
    format!("{number:+.2}").replace('-', "−")
}

/// Returns shares and CPU time of a function, baseline first.
pub(crate) fn function(function: &FunctionChange) -> [String; 4] {
    let cpu = |of: fn(&Pair<f64>) -> f64| {
        self::of(function.cpu_us_per_request.as_ref(), |pair| {
            value("µs", of(pair))
        })
    };
    [
        format::percent(function.share.baseline),
        format::percent(function.share.candidate),
        cpu(|pair| pair.baseline),
        cpu(|pair| pair.candidate),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_values_to_their_unit() {
        let values = [
            ("ns", 81_400.0),
            ("µs", 1_250.0),
            ("MiB", 41.5),
            ("", 3.0),
            ("B", 2_048.0),
        ];
        let formatted = values.map(|(unit, number)| value(unit, number));
        assert_eq!(
            formatted,
            ["81.4 µs", "1.25 ms", "41.5 MiB", "3.00", "2.00 KiB"]
        );
        assert_eq!(points(0.0021), "+0.21 points");
        assert_eq!(points(0.0), "0 points");
    }
}
