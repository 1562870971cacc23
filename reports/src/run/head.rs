//! The first screen: the verdict, four figures, the next step, and the findings.

use tenfold_analysis::{Latency, MeasurementVerdict, Summary, format};

use crate::document::{Block, Document, Judgement, Number, Section, Verdict};
use crate::finding;
use crate::run::verdict;

/// Returns the parts that every report of a run has.
pub(super) fn head(summary: &Summary) -> Document {
    let (tone, badge) = verdict::headline(summary);
    let measurement = verdict::measurement(summary.verdict.measurement);
    let merged = match summary.merged_from.len() {
        _ if summary.agents.is_some() => Some(format!("{} agents", summary.generators)),
        _ if summary.generators > 1 => Some(format!("{} generators", summary.generators)),
        0 => None,
        generators => Some(format!("merged from {generators} generators")),
    };
    // The reasons may say so already.
    let reasons = &summary.verdict.reasons;
    let ended_early = summary.ended_early.as_ref();
    let ended_early = ended_early.filter(|reason| !reasons.contains(reason));
    let ended_early = ended_early.map(|reason| format!("ended early: {reason}"));
    Document {
        origin: vec![summary.scenario.clone(), summary.started_at.clone()],
        tags: merged.into_iter().chain(ended_early).collect(),
        subject: summary.scenario.clone(),
        about: format!(
            "against {}, seed {}, {} s counted",
            summary.target,
            summary.seed,
            format::significant(summary.counted_s)
        ),
        verdict: Some(Verdict {
            tone,
            badge: badge.to_owned(),
            status: format!(
                "measurement {measurement}, slo {}",
                verdict::slo(summary.verdict.slo)
            ),
        }),
        title: verdict::sentence(summary),
        reasons: summary.verdict.reasons.clone(),
        next: summary.next.clone(),
        closing: objectives(summary),
        ..Document::default()
    }
}

fn objectives(summary: &Summary) -> Vec<Block> {
    if summary.rules.is_empty() {
        return Vec::new();
    }
    let judgements = summary.rules.iter().map(|rule| {
        let (tone, sign, word) = verdict::outcome(rule.met);
        let reason = rule.why.strip_prefix("not judged: ").unwrap_or(&rule.why);
        Judgement {
            tone,
            sign,
            word,
            name: rule.text.clone(),
            reason: reason.to_owned(),
        }
    });
    let judgements = Block::Judgements(judgements.collect());
    match summary.verdict.measurement {
        MeasurementVerdict::Invalid => {
            let note = "As measured. An invalid measurement says nothing about the service.";
            vec![Block::Note(note.to_owned()), judgements]
        }
        MeasurementVerdict::Valid | MeasurementVerdict::Suspect => vec![judgements],
    }
}

/// Returns the four figures that matter most.
pub(super) fn numbers(summary: &Summary) -> Block {
    let rates = &summary.rate_per_s;
    let response = &summary.latency_ns.response;
    let lost = summary.arrivals.failed + summary.arrivals.dropped;
    let share = rates.share.map_or_else(String::new, |share| {
        format!(" ({})", format::percent(share))
    });
    let errors = match summary.arrivals.error_rate() {
        Some(errors) if lost > 0 => format!(" ({})", format::percent(errors)),
        _ => String::new(),
    };
    let planned = format::count(summary.arrivals.planned);
    let sent = match rates.falls_short() {
        true => format!(", {} sent", format::rate(rates.sent)),
        false => String::new(),
    };
    let number = |name, value, note| Number {
        name,
        value,
        note,
        is_bad: false,
    };
    Block::Numbers(vec![
        number(
            "Achieved rate",
            format::rate(rates.achieved),
            format!("of {} offered{share}{sent}", format::rate(rates.offered)),
        ),
        number(
            "Response, median",
            format::maybe_duration(response.p50),
            interval(response.interval_95.p50, response),
        ),
        number(
            "Response, p99",
            format::maybe_duration(response.p99),
            interval(response.interval_95.p99, response),
        ),
        Number {
            is_bad: lost > 0,
            ..number(
                "Failed or dropped",
                format::count(lost),
                format!("of {planned} arrivals{errors}"),
            )
        },
    ])
}

fn interval(interval: Option<[u64; 2]>, latency: &Latency) -> String {
    // A figure and its unit stay on one line.
    let duration = |ns| format::duration(ns).replace(' ', "\u{a0}");
    match interval {
        Some([low, high]) => format!("95% interval {} to {}", duration(low), duration(high)),
        None => format!("of {} responses: too few", format::count(latency.count)),
    }
}

/// Returns the findings with their evidence. `None` without findings.
pub(super) fn findings(summary: &Summary) -> Option<Section> {
    let findings = summary.findings.iter();
    let blocks: Vec<Block> = findings.map(|own| finding::block(own, None)).collect();
    (!blocks.is_empty()).then(|| Section::new("findings", "Findings", "", blocks))
}
