//! Markdown: what a pull request's page shows of a gate.

use std::fmt::Write as _;

use tenfold_analysis::gate::{Cause, Decision, GateOutcome, Side};
use tenfold_analysis::words;

use crate::gate::beside::Beside;
use crate::gate::figures;
use crate::markdown::{code, plain};
use crate::sentence::Tone;

/// The most functions and waits that are shown; the report has all of them.
const MOST_SHOWN: usize = 5;

/// Renders the verdict, the effects with their intervals, what could have been seen, and what else
/// speaks about the change.
pub fn render(outcome: &GateOutcome, beside: &Beside) -> String {
    let (tone, headline) = figures::headline(outcome);
    let sign = match tone {
        Tone::Good => "✅",
        Tone::Caution => "⚠️",
        Tone::Bad => "❌",
    };
    let mut out = format!(
        "## {sign} {}: {headline}\n\n{}\n\n",
        plain(&outcome.scenario),
        plain(&outcome.sentence)
    );
    for day in &outcome.bad_days {
        let sentence = day.sentence();
        if sentence != outcome.sentence {
            let _ = writeln!(out, "- {}", plain(&sentence));
        }
        for line in day.last_lines() {
            let _ = writeln!(out, "- it wrote {}", code(line));
        }
    }
    for remark in &outcome.remarks {
        let _ = writeln!(out, "- {}", plain(remark));
    }
    if !out.ends_with("\n\n") {
        out.push('\n');
    }
    if let Some(decision) = &outcome.decision {
        effects(&mut out, decision, outcome);
    }
    facts(&mut out, outcome);
    if let Some(cause) = &outcome.cause {
        self::cause(&mut out, cause);
    }
    if !outcome.next.is_empty() {
        let _ = writeln!(out, "**Next:** {}\n", plain(&outcome.next));
    }
    end(&mut out, outcome, beside);
    out
}

fn effects(out: &mut String, decision: &Decision, outcome: &GateOutcome) {
    out.push_str("| | metric | baseline | candidate | effect | interval | limit |\n");
    out.push_str("|---|---|--:|--:|--:|:-:|--:|\n");
    for row in figures::rows(decision) {
        let _ = writeln!(
            out,
            "| {} {} | {} | {} | {} | **{}** | {} | {} |",
            row.sign,
            row.word,
            plain(&row.name),
            plain(&row.baseline),
            plain(&row.candidate),
            row.effect,
            row.interval,
            row.limit
        );
    }
    out.push('\n');
    let notes = [
        figures::how_intervals_hold(decision, &outcome.settings),
        figures::could_be_seen(decision),
    ];
    for note in notes.into_iter().flatten() {
        let _ = writeln!(out, "{}\n", plain(&note));
    }
    for result in &decision.metrics {
        if let Some(why) = &result.metric.not_gated_because {
            let _ = writeln!(
                out,
                "{} is not gated: {}.\n",
                plain(&result.metric.name),
                plain(why)
            );
        }
    }
}

fn facts(out: &mut String, outcome: &GateOutcome) {
    let mut facts = Vec::new();
    if let Some(answers) = &outcome.answers {
        facts.push(figures::answers(answers));
    }
    for side in Side::ALL {
        let memory = outcome.memory.as_ref().map(|pair| pair.of(side));
        if let Some(said) = memory.and_then(figures::memory) {
            facts.push(format!("memory of the {side}: {said}"));
        }
    }
    if let Some(said) = figures::capacity(outcome) {
        facts.push(format!("capacity: {said}"));
    }
    for fact in &facts {
        let _ = writeln!(out, "- {}", plain(fact));
    }
    if !facts.is_empty() {
        out.push('\n');
    }
}

fn cause(out: &mut String, cause: &Cause) {
    if !cause.functions.is_empty() {
        out.push_str("| what changed most | share before | after | CPU a request | after |\n");
        out.push_str("|---|--:|--:|--:|--:|\n");
        for function in cause.functions.iter().take(MOST_SHOWN) {
            let figures = figures::function(function);
            let _ = writeln!(
                out,
                "| {} | {} |",
                code(&function.name),
                figures.join(" | ")
            );
        }
        out.push('\n');
    }
    if !cause.waits.is_empty() {
        out.push_str("| waits that changed most | before | after |\n|---|--:|--:|\n");
        for wait in cause.waits.iter().take(MOST_SHOWN) {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                code(&wait.name),
                figures::value("µs", wait.us_per_request.baseline),
                figures::value("µs", wait.us_per_request.candidate)
            );
        }
        out.push('\n');
    }
}

fn end(out: &mut String, outcome: &GateOutcome, beside: &Beside) {
    let advice = if outcome.advisory {
        " Advisory: the verdict fails nothing."
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "{} against {}: {} rounds in {} s, seed {}.{advice}",
        code(&figures::build(outcome, Side::Candidate)),
        code(&figures::build(outcome, Side::Baseline)),
        outcome.rounds.len(),
        words::significant(outcome.elapsed_s),
        outcome.seed
    );
    if let Some(report) = &beside.report {
        let _ = writeln!(out, "\n[The whole report](<{}>)", address(report));
    }
}

/// An address between angle brackets, where only those and line breaks end it.
fn address(text: &str) -> String {
    text.chars().fold(String::new(), |mut address, c| {
        match c {
            '<' => address.push_str("%3C"),
            '>' => address.push_str("%3E"),
            '\\' => address.push_str("%5C"),
            c if c.is_control() => {}
            c => address.push(c),
        }
        address
    })
}
