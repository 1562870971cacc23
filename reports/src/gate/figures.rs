//! A gate's figures as every format says them.

use tenfold_analysis::gate::{
    Answers, Conclusion, Decision, FailureResult, FunctionChange, GateOutcome, GateVerdict,
    MemoryUse, MetricResult, Pair, Role, Settings, Side,
};
use tenfold_analysis::words;

use crate::sentence::Tone;

/// What stands where there is nothing to say.
pub(crate) const NOTHING: &str = "–";

/// The share of answers without their twin that goes without saying.
const MOST_UNMATCHED: f64 = 0.02;

/// Says in a word or two and a tone what the verdict is.
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

/// A line of the table of effects.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) tone: Tone,
    pub(crate) sign: &'static str,
    pub(crate) word: &'static str,
    pub(crate) baseline: String,
    pub(crate) candidate: String,
    pub(crate) effect: String,
    pub(crate) interval: String,
    /// What it must stay below, and above what it fails.
    pub(crate) limit: String,
    /// The smallest slowdown that would have been seen.
    pub(crate) sees: String,
    /// Why the verdict is what it is, or why it is not gated.
    pub(crate) reason: String,
}

/// Sets the table of effects: the metrics in the plan's order, then failures.
pub(crate) fn rows(decision: &Decision) -> Vec<Row> {
    let metrics = decision.metrics.iter().map(metric_row);
    metrics
        .chain(decision.failures.as_ref().map(failure_row))
        .collect()
}

fn metric_row(result: &MetricResult) -> Row {
    let metric = &result.metric;
    let (tone, sign, word) = said(metric.role, result.verdict, result.improved);
    let interval = result.effect.and_then(|effect| effect.interval);
    Row {
        name: metric.name.clone(),
        tone,
        sign,
        word,
        baseline: of(result.medians, |pair| value(&metric.unit, pair.baseline)),
        candidate: of(result.medians, |pair| value(&metric.unit, pair.candidate)),
        effect: of(result.effect, |effect| words::change(effect.value)),
        interval: of(interval, |interval| {
            format!(
                "{} to {}",
                words::change(interval.low),
                words::change(interval.high)
            )
        }),
        limit: limit(result),
        sees: of(result.smallest_detectable, |effect| {
            // A ratio beyond that says no more than that nothing can be seen.
            if effect < 10.0 {
                words::percent(effect)
            } else {
                "nothing".to_owned()
            }
        }),
        reason: match &metric.not_gated_because {
            Some(why) => format!("not gated: {why}"),
            None => result.reason.clone(),
        },
    }
}

fn limit(result: &MetricResult) -> String {
    let limits = result.limits;
    if result.metric.role == Role::Informs {
        return NOTHING.to_owned();
    }
    if limits.tolerance == limits.fail_above {
        return words::percent(limits.tolerance);
    }
    format!(
        "{}, fails above {}",
        words::percent(limits.tolerance),
        words::percent(limits.fail_above)
    )
}

fn failure_row(result: &FailureResult) -> Row {
    let (tone, sign, word) = said(result.rule.role, result.verdict, result.improved);
    let share = |attempts: tenfold_analysis::gate::Attempts| {
        format!(
            "{} of {}",
            words::count(attempts.failed),
            words::count(attempts.sent)
        )
    };
    let [low, high] = result.interval_95;
    Row {
        name: "failed requests".to_owned(),
        tone,
        sign,
        word,
        baseline: share(result.counts.baseline),
        candidate: share(result.counts.candidate),
        effect: of(result.difference, points),
        interval: of(result.difference, |_| {
            let (low, high) = (points(low), points(high));
            format!("{} to {high}", low.trim_end_matches(" points"))
        }),
        limit: match result.rule.role {
            Role::Gated => points(result.rule.limit),
            Role::Informs => NOTHING.to_owned(),
        },
        sees: NOTHING.to_owned(),
        reason: result.reason.clone(),
    }
}

/// Says a difference of shares in points of a hundred: `+0.21 points`.
fn points(difference: f64) -> String {
    match words::change(difference).strip_suffix('%') {
        Some("0") | None => "0 points".to_owned(),
        Some(number) => format!("{number} points"),
    }
}

fn said(role: Role, verdict: GateVerdict, improved: bool) -> (Tone, &'static str, &'static str) {
    match (role, verdict) {
        (Role::Informs, _) => (Tone::Caution, "·", "informs"),
        (Role::Gated, GateVerdict::Pass) if improved => (Tone::Good, "✓", "better"),
        (Role::Gated, GateVerdict::Pass) => (Tone::Good, "✓", "pass"),
        (Role::Gated, GateVerdict::Fail) => (Tone::Bad, "✗", "fail"),
        (Role::Gated, GateVerdict::Inconclusive) => (Tone::Caution, "?", "not shown"),
    }
}

fn of<T>(value: Option<T>, say: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), say)
}

/// Says a value in its unit; times and sizes in the unit that suits them.
pub(crate) fn value(unit: &str, value: f64) -> String {
    match unit {
        "ns" => words::duration_of(value),
        "µs" | "us" => words::duration_of(value * 1e3),
        "ms" => words::duration_of(value * 1e6),
        "s" => words::duration_of(value * 1e9),
        "B" | "bytes" => words::bytes(value.max(0.0) as u64),
        "" => words::significant(value),
        unit => format!("{} {unit}", words::significant(value)),
    }
}

/// What is said beneath the table of effects.
pub(crate) fn how_intervals_hold(decision: &Decision, settings: &Settings) -> Option<String> {
    let mut metrics = decision.metrics.iter();
    metrics.find(|result| {
        result
            .effect
            .is_some_and(|effect| effect.interval.is_some())
    })?;
    // A look spends its alpha at each end, and a gate ends at one of them: what they miss adds up.
    let missed = 2.0 * settings.alpha;
    Some(format!(
        "Effects are ratios of candidate to baseline in the same rounds, less one. Each interval \
         encloses the true effect with a probability of at least {}, whichever look ended the gate.",
        words::percent(1.0 - missed)
    ))
}

/// Says what a gate of this many rounds could have seen, of the metrics that were gated.
pub(crate) fn could_be_seen(decision: &Decision) -> Option<String> {
    let gated = decision
        .metrics
        .iter()
        .filter(|result| result.metric.role == Role::Gated && result.smallest_detectable.is_some());
    let seen: Vec<String> = gated
        .map(|result| {
            let row = metric_row(result);
            format!("{} of {}", row.sees, row.name)
        })
        .collect();
    (!seen.is_empty()).then(|| {
        format!(
            "The smallest slowdowns that {} rounds tell from none: {}.",
            words::count(decision.rounds as u64),
            seen.join(", ")
        )
    })
}

/// Says what a build is: its label, and its revision where that says more.
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

/// Says how the answers compare.
pub(crate) fn answers(answers: &Answers) -> String {
    let compared = format!(
        "{} pairs of answers compared",
        words::count(answers.compared)
    );
    let differences: Vec<String> = [
        (answers.statuses_differ, "with different statuses"),
        (answers.bodies_differ, "with different bodies alone"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, how)| format!("{} {how}", words::count(count)))
    .collect();
    let told = match (answers.compared, differences.is_empty()) {
        (0, _) => "no answers were compared".to_owned(),
        (_, true) => format!("{compared}, all alike"),
        (_, false) => format!("{compared}: {}", differences.join(", ")),
    };
    // Those that were under way when an epoch ended are always a few.
    if answers.unmatched as f64 <= MOST_UNMATCHED * answers.compared as f64 {
        return told;
    }
    format!(
        "{told}; of {} more one build's came too late or not at all",
        words::count(answers.unmatched)
    )
}

/// What one processor answers of both builds; none where processor time was not compared.
pub(crate) fn capacity(outcome: &GateOutcome) -> Option<String> {
    let capacity = outcome.capacity?;
    let rate = |rate: f64| format!("{}/s", words::count(rate.round() as u64));
    Some(format!(
        "one processor answers up to {}, before {}, by its time alone; waits and locks may give out first",
        rate(capacity.candidate),
        rate(capacity.baseline)
    ))
}

/// Says how the memory of a build went; none where nothing was read.
pub(crate) fn memory(memory: &MemoryUse) -> Option<String> {
    let (first, last) = (memory.first_mib()?, memory.last_mib()?);
    let growth = memory.growth.map(|growth| {
        let interval = growth.interval_95.map_or_else(String::new, |[low, high]| {
            format!(" (95% interval {} to {})", signed(low), signed(high))
        });
        format!(", {} MiB a minute{interval}", signed(growth.mib_per_min))
    });
    Some(format!(
        "{} to {} MiB, at most {}{}",
        words::significant(first),
        words::significant(last),
        words::significant(memory.peak_mib()?),
        growth.unwrap_or_default()
    ))
}

fn signed(number: f64) -> String {
    format!("{number:+.2}").replace('-', "−")
}

/// Says a function's shares and processor time, baseline then candidate.
pub(crate) fn function(function: &FunctionChange) -> [String; 4] {
    let cpu = |of: fn(&Pair<f64>) -> f64| {
        self::of(function.cpu_us_per_request.as_ref(), |pair| {
            value("µs", of(pair))
        })
    };
    [
        words::percent(function.share.baseline),
        words::percent(function.share.candidate),
        cpu(|pair| pair.baseline),
        cpu(|pair| pair.candidate),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_said_in_the_unit_that_suits_them() {
        let said = [
            ("ns", 81_400.0),
            ("µs", 1_250.0),
            ("MiB", 41.5),
            ("", 3.0),
            ("B", 2_048.0),
        ];
        let said = said.map(|(unit, number)| value(unit, number));
        assert_eq!(said, ["81.4 µs", "1.25 ms", "41.5 MiB", "3.00", "2.00 KiB"]);
        assert_eq!(points(0.0021), "+0.21 points");
        assert_eq!(points(0.0), "0 points");
    }
}
