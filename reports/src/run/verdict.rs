//! The verdict of a run, in words.

use tenfold_analysis::{MeasurementVerdict, SloVerdict, SlowerAlone, Summary, format};
use tenfold_run_dir::counts::ArrivalCounts;

use crate::document::Tone;

/// Returns the verdict in a tone and two words.
pub(crate) fn headline(summary: &Summary) -> (Tone, &'static str) {
    let verdict = &summary.verdict;
    match (verdict.measurement, verdict.slo) {
        (MeasurementVerdict::Invalid, _) => (Tone::Bad, "Invalid measurement"),
        (_, SloVerdict::Missed) => (Tone::Bad, "Objectives missed"),
        (MeasurementVerdict::Suspect, SloVerdict::Met) => (Tone::Caution, "Met, but suspect"),
        (MeasurementVerdict::Suspect, SloVerdict::NotJudged) => {
            (Tone::Caution, "Suspect measurement")
        }
        (MeasurementVerdict::Valid, SloVerdict::Met)
            if !summary.objective_gaps.slower_alone.is_empty() =>
        {
            (Tone::Caution, "Met on the whole")
        }
        (MeasurementVerdict::Valid, SloVerdict::Met) => (Tone::Good, "Objectives met"),
        (MeasurementVerdict::Valid, SloVerdict::NotJudged) => (Tone::Good, "Valid measurement"),
    }
}

/// Describes the requests that never reached a connection; empty if all did.
pub(crate) fn not_written(arrivals: &ArrivalCounts) -> String {
    match arrivals.not_written {
        0 => String::new(),
        some => format!(" ({} of them reached no connection)", format::count(some)),
    }
}

/// Returns the verdict in a sentence, with its figures, and what the objectives leave open.
pub(crate) fn sentence(summary: &Summary) -> String {
    let mut sentence = outcome_sentence(summary);
    if summary.verdict.measurement != MeasurementVerdict::Invalid && !summary.rules.is_empty() {
        sentence.push_str(&slower_alone(&summary.objective_gaps.slower_alone));
        let sent = summary
            .requests
            .iter()
            .filter(|request| request.arrivals.planned > 0);
        sentence.push_str(&unlimited(&summary.objective_gaps.unlimited, sent.count()));
    }
    sentence
}

/// Names the requests that are slower than the objective that they meet together with others.
fn slower_alone(requests: &[SlowerAlone]) -> String {
    let named = |request: &SlowerAlone| {
        format!(
            "\"{}\" alone has {}, beyond `{}`",
            request.request,
            format::duration(request.value_ns),
            request.rule
        )
    };
    match requests {
        [] => String::new(),
        [one] => format!(" But {}.", named(one)),
        [first, other] => format!(" But {}, and {}.", named(first), named(other)),
        [first, rest @ ..] => {
            format!(
                " But {}, and {} others are slower too.",
                named(first),
                rest.len()
            )
        }
    }
}

/// Names the requests whose latency no objective limits; `sent` is the number of all requests.
fn unlimited(requests: &[String], sent: usize) -> String {
    match requests {
        [] => String::new(),
        all if all.len() == sent => " No objective limits latency.".to_owned(),
        [one] => format!(" No objective limits the latency of \"{one}\"."),
        [one, other] => format!(" No objective limits the latency of \"{one}\" and \"{other}\"."),
        [one, other, third] => {
            format!(" No objective limits the latency of \"{one}\", \"{other}\" and \"{third}\".")
        }
        [one, other, rest @ ..] => format!(
            " No objective limits the latency of \"{one}\", \"{other}\" and {} others.",
            rest.len()
        ),
    }
}

/// Returns the outcome in a sentence.
fn outcome_sentence(summary: &Summary) -> String {
    let met = summary
        .rules
        .iter()
        .filter(|rule| rule.met == Some(true))
        .count();
    let missed = summary
        .rules
        .iter()
        .filter(|rule| rule.met == Some(false))
        .count();
    let of = summary.rules.len();
    let rates = &summary.rate_per_s;
    // Nothing is said of a rate at which nothing was sent.
    let at = match rates.falls_short() {
        true => format!(
            "at {} ({} were offered)",
            format::rate(rates.sent),
            format::rate(rates.offered)
        ),
        false => format!("at {}", format::rate(rates.offered)),
    };
    match (summary.verdict.measurement, summary.verdict.slo) {
        (MeasurementVerdict::Invalid, _) => {
            "These figures do not describe the service. Do not quote them.".to_owned()
        }
        (_, SloVerdict::Missed) if summary.has_failed_entirely() => format!(
            "The service failed all {} requests {at}.",
            format::count(summary.failed_by.service)
        ),
        (_, SloVerdict::Missed) if of == 1 => format!("The service missed its objective {at}."),
        (_, SloVerdict::Missed) if missed == of => {
            format!("The service missed all {of} objectives {at}.")
        }
        (_, SloVerdict::Missed) => format!("The service missed {missed} of {of} objectives {at}."),
        (_, SloVerdict::Met) if of == 1 => format!("The service met its objective {at}."),
        (_, SloVerdict::Met) if of == 2 => format!("The service met both objectives {at}."),
        (_, SloVerdict::Met) => format!("The service met all {of} objectives {at}."),
        (measurement, SloVerdict::NotJudged) if of == 0 => {
            let measurement = self::measurement(measurement);
            format!("The measurement is {measurement} {at}; the scenario sets no objectives.")
        }
        (_, SloVerdict::NotJudged) if met == 0 => {
            format!("None of the {of} objectives could be judged {at}.")
        }
        (_, SloVerdict::NotJudged) => {
            format!(
                "The service met {met} of {of} objectives {at}; the others could not be judged."
            )
        }
    }
}

/// Returns the verdict of the measurement in a word.
pub(crate) fn measurement(verdict: MeasurementVerdict) -> &'static str {
    match verdict {
        MeasurementVerdict::Valid => "valid",
        MeasurementVerdict::Suspect => "suspect",
        MeasurementVerdict::Invalid => "invalid",
    }
}

/// Returns the verdict of the objectives in a word or two.
pub(crate) fn slo(verdict: SloVerdict) -> &'static str {
    match verdict {
        SloVerdict::Met => "met",
        SloVerdict::Missed => "missed",
        SloVerdict::NotJudged => "not judged",
    }
}

/// Returns the outcome of an objective as a tone, a sign and a word.
pub(crate) fn outcome(met: Option<bool>) -> (Tone, &'static str, &'static str) {
    match met {
        Some(true) => (Tone::Good, "✓", "met"),
        Some(false) => (Tone::Bad, "✗", "missed"),
        None => (Tone::Caution, "–", "not judged"),
    }
}
