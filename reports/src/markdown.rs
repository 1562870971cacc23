//! Markdown: what a pull request's page shows of a run.

use std::fmt::Write as _;

use tenfold_analysis::{Latency, Summary, words};

use crate::sentence::{self, Tone};

/// Renders the verdict, the objectives, the latencies with reads and writes apart, and the failures.
pub fn render(summary: &Summary) -> String {
    let (tone, headline) = sentence::headline(summary);
    let sign = match tone {
        Tone::Good => "✅",
        Tone::Caution => "⚠️",
        Tone::Bad => "❌",
    };
    let mut out = format!(
        "## {sign} {}: {headline}\n\n{}\n\n",
        plain(&summary.scenario),
        plain(&sentence::sentence(summary))
    );
    for reason in &summary.verdict.reasons {
        let _ = writeln!(out, "- {}", plain(reason));
    }
    if !summary.verdict.reasons.is_empty() {
        out.push('\n');
    }
    rates(&mut out, summary);
    rules(&mut out, summary);
    latencies(&mut out, summary);
    failures(&mut out, summary);
    if !summary.next.is_empty() {
        let _ = writeln!(out, "**Next:** {}", plain(&summary.next));
    }
    out
}

fn rates(out: &mut String, summary: &Summary) {
    let (rates, arrivals) = (&summary.rate_per_s, &summary.arrivals);
    let share = rates
        .share
        .map_or_else(String::new, |share| format!(" ({})", words::percent(share)));
    let _ = writeln!(
        out,
        "{} offered, {} achieved{share} over {} s: {} sent{}, {} completed, {} failed, {} \
         dropped. \
         Seed {}, against {}.\n",
        words::rate(rates.offered),
        words::rate(rates.achieved),
        words::significant(summary.counted_s),
        words::count(arrivals.sent),
        sentence::not_written(arrivals),
        words::count(arrivals.completed),
        words::count(arrivals.failed),
        words::count(arrivals.dropped),
        summary.seed,
        code(&summary.target)
    );
    if !summary.merged_from.is_empty() {
        let _ = writeln!(
            out,
            "Merged from the runs of {} generators.\n",
            summary.merged_from.len()
        );
    }
}

fn rules(out: &mut String, summary: &Summary) {
    if summary.rules.is_empty() {
        return;
    }
    out.push_str("| | objective | measured |\n|---|---|---|\n");
    for rule in &summary.rules {
        let (sign, word) = sentence::outcome(rule.met);
        let why = rule.why.strip_prefix("not judged: ").unwrap_or(&rule.why);
        let _ = writeln!(
            out,
            "| {sign} {word} | {} | {} |",
            code(&rule.text),
            plain(why)
        );
    }
    out.push('\n');
}

fn latencies(out: &mut String, summary: &Summary) {
    let rows = [
        ("response, reads", &summary.reads.latency_ns.response),
        ("response, writes", &summary.writes.latency_ns.response),
        ("response, all", &summary.latency_ns.response),
        (
            "response without lag, all",
            &summary.latency_ns.response_without_lag,
        ),
        ("service, reads", &summary.reads.latency_ns.service),
        ("service, writes", &summary.writes.latency_ns.service),
        ("lag of the generator", &summary.latency_ns.lag),
    ];
    out.push_str("| latency | n | p50 | p90 | p95 | p99 | p99.9 | max |\n");
    out.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for (name, latency) in rows.into_iter().filter(|(_, latency)| latency.count > 0) {
        let _ = writeln!(
            out,
            "| {name} | {} | {} |",
            words::count(latency.count),
            figures(latency).join(" | ")
        );
    }
    out.push_str("\nA dash stands where there are too few samples to tell.\n\n");
}

fn figures(latency: &Latency) -> [String; 6] {
    [
        latency.p50,
        latency.p90,
        latency.p95,
        latency.p99,
        latency.p999,
        latency.max,
    ]
    .map(words::maybe_duration)
}

fn failures(out: &mut String, summary: &Summary) {
    if summary.failures.is_empty() {
        return;
    }
    out.push_str("| failures | request | count |\n|---|---|--:|\n");
    for request in &summary.requests {
        for (class, count) in &request.failures {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                plain(class),
                plain(&request.name),
                words::count(*count)
            );
        }
    }
    out.push('\n');
}

/// A text that stays text: in one line, with nothing in it that Markdown or HTML takes for its own.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' => {
                plain.extend(['\\', c]);
            }
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// A text in the fixed font; a bar is escaped there too, for it would end a table's cell.
pub(crate) fn code(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = line.replace('|', "\\|");
    let longest = line
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    if longest > 0 {
        format!("{fence} {line} {fence}")
    } else {
        format!("{fence}{line}{fence}")
    }
}
