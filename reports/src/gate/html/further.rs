//! What else was compared, and what was asked.

use maud::{Markup, html};
use tenfold_analysis::gate::{
    AnswerSeen, Calibration, GateOutcome, MetricCalibration, RequestAnswers, Side,
};
use tenfold_analysis::words;

use crate::chart::{self, Description, Ink};
use crate::gate::figures::{self, NOTHING};
use crate::html::figures::{Data, figure, head, section, table};
use crate::html::prose::capitalised;

/// Sets how the answers of both builds compare; nothing where they were not.
pub(super) fn answers(outcome: &GateOutcome) -> Markup {
    let Some(answers) = &outcome.answers else {
        return html! {};
    };
    let data = Data {
        head: head(&["request", "compared", "statuses differ", "bodies differ"]),
        rows: answers
            .requests
            .iter()
            .map(|request| {
                let counts = [
                    request.compared,
                    request.statuses_differ,
                    request.bodies_differ,
                ];
                let name = [request.request.clone()];
                name.into_iter().chain(counts.map(words::count)).collect()
            })
            .collect(),
    };
    let content = html! {
        (table(&data))
        @for request in &answers.requests { (examples(request)) }
        @if !answers.ignored.is_empty() {
            p.note { "Left out of the comparison: " (answers.ignored.join(", ")) "." }
        }
    };
    let lead = format!("{}.", capitalised(&figures::answers(answers)));
    section("answers", "The same answers", &lead, &content)
}

fn examples(request: &RequestAnswers) -> Markup {
    html! {
        @for example in &request.examples {
            article.finding {
                h3 { (request.request) ": " code { (example.sent) } }
                dl.manifest {
                    dt { "baseline" } dd { (seen(&example.baseline)) }
                    dt { "candidate" } dd { (seen(&example.candidate)) }
                }
            }
        }
    }
}

fn seen(answer: &AnswerSeen) -> Markup {
    html! {
        @match answer.status {
            Some(status) => strong { (status) },
            None => strong { "no answer" },
        }
        @if let Some(bytes) = answer.bytes { ", " (words::bytes(bytes)) }
        @if !answer.excerpt.is_empty() { ": " code { (answer.excerpt) } }
    }
}

/// Sets the memory of both builds over time; nothing where none was read.
pub(super) fn memory(outcome: &GateOutcome) -> Markup {
    let Some(memory) = &outcome.memory else {
        return html! {};
    };
    let description = Description {
        id: "memory".to_owned(),
        title: "Resident memory over time".to_owned(),
        text: "The resident memory of both builds; a line breaks where a build was started anew."
            .to_owned(),
    };
    let rows = Side::ALL.into_iter().filter_map(|side| {
        let said = figures::memory(memory.of(side))?;
        Some(vec![side.to_string(), said])
    });
    let data = Data {
        head: head(&["build", "resident memory"]),
        rows: rows.collect(),
    };
    let chart = chart::memory(&description, memory);
    let legend = [(Ink::Reads, "baseline"), (Ink::Response, "candidate")];
    let lead = "Growth is told of what a build gains from one reading to the next while it lives: a start \
                is no growth, and a few great allocations move it little.";
    section("memory-use", "Memory", lead, &figure(chart, &legend, &data))
}

/// Sets what a calibration showed; nothing where there was none.
pub(super) fn calibration(outcome: &GateOutcome) -> Markup {
    let Some(calibration) = &outcome.calibration else {
        return html! {};
    };
    let data = Data {
        head: head(&[
            "metric",
            "gated",
            "noise a round",
            "differs from itself by",
            "interval",
            "budget sees",
            "rounds for its limit",
            "why not",
        ]),
        rows: calibration.metrics.iter().map(calibrated).collect(),
    };
    section(
        "calibration",
        "The baseline against itself",
        &calibration_lead(calibration),
        &table(&data),
    )
}

fn calibration_lead(calibration: &Calibration) -> String {
    format!(
        "{} rounds of two copies of the baseline, measured {}, say how noisy each metric is here. One \
         that the budget of rounds can't see, or that differs from itself, is not gated.",
        words::count(calibration.rounds as u64),
        calibration.at
    )
}

fn calibrated(metric: &MetricCalibration) -> Vec<String> {
    let or_nothing = |said: Option<String>| said.unwrap_or_else(|| NOTHING.to_owned());
    let interval = metric.bias.and_then(|bias| bias.interval);
    vec![
        metric.name.clone(),
        if metric.gated { "yes" } else { "no" }.to_owned(),
        or_nothing(metric.noise.map(words::percent)),
        or_nothing(metric.bias.map(|bias| words::change(bias.value))),
        or_nothing(interval.map(|interval| {
            let (low, high) = (words::change(interval.low), words::change(interval.high));
            format!("{low} to {high}")
        })),
        or_nothing(metric.smallest_detectable.map(words::percent)),
        or_nothing(
            metric
                .rounds_needed
                .map(|rounds| words::count(rounds as u64)),
        ),
        metric.reason.clone().unwrap_or_default(),
    ]
}

/// Sets what was asked, and how to read what came of it.
pub(super) fn settings(outcome: &GateOutcome) -> Markup {
    let settings = &outcome.settings;
    let limits = settings.limits(None);
    let looks: Vec<String> = settings.looks.iter().map(usize::to_string).collect();
    let judged = outcome.decision.as_ref().map(|decision| decision.look);
    let content = html! {
        dl.manifest {
            @for side in Side::ALL {
                @let build = outcome.builds.of(side);
                dt { (side) }
                dd {
                    (figures::build(outcome, side))
                    @if let Some(revision) = &build.revision { ", revision " code { (revision) } }
                    @if let Some(command) = &build.command { ", " code { (command) } }
                    @if build.given != build.label { ", given as " code { (build.given) } }
                    @if build.starts > 0 { ", started " (build.starts) " times" }
                }
            }
            dt { "Seed" } dd { (outcome.seed) }
            dt { "Machine" } dd { (outcome.machine) }
            dt { "Tool" } dd { (outcome.tool) }
            dt { "Effect the gate is for" } dd { (words::percent(limits.min_effect)) }
            dt { "Passes below" } dd { (words::percent(limits.tolerance)) ", by the upper end of the interval" }
            dt { "Fails above" } dd { (words::percent(limits.fail_above)) ", by the estimate, where it is surely worse" }
            dt { "False alarms" } dd { "at most " (words::percent(settings.alpha)) " over all metrics and looks" }
            dt { "Power" } dd { (words::percent(settings.power)) " for what the table says would be seen" }
            dt { "Looks" }
            dd {
                "after " (looks.join(", ")) " rounds"
                @if let Some(look) = judged { "; judged at the one of " (look.rounds) ", at a level of " (words::percent(look.alpha)) }
            }
            dt { "Exit code" } dd { (outcome.exit_code) }
        }
        h3 { "How to read this" }
        p {
            "Every round measures both builds in the same seconds with the same requests. Of each round stands "
            "the ratio of candidate to baseline; the effect is the Hodges-Lehmann estimate of those ratios, and "
            "its interval that of the exact signed-rank test, widened where neighbouring rounds are alike. "
            "A metric passes when the whole interval lies below the limit, fails when it is surely worse and "
            "estimated beyond it, and is otherwise not shown: more rounds or a quieter machine would tell. "
            "A gate fails where any gated metric does, corrected for their number after Holm."
        }
        p {
            "An inconclusive gate is no pass: what it could not see is in the column \u{201c}would see\u{201d}. "
            "A better metric is held to the same test as a worse one."
        }
    };
    section("settings", "What was asked", "", &content)
}
