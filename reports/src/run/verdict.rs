//! The verdict of a run, in words.

use tenfold_analysis::{MeasurementVerdict, SloVerdict, Summary, format};
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

/// Returns the verdict in a sentence, with its figures.
pub(crate) fn sentence(summary: &Summary) -> String {
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
