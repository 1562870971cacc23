//! What a person reads on a terminal when a run has ended; the verdict comes last.

mod comparison;
pub(crate) mod paint;
mod samples;
pub(crate) mod table;

use std::fmt::Write as _;

use tenfold_analysis::{Latency, Summary, words};

pub use comparison::render_comparison;
use paint::{Paint, Shade};
use table::Table;

use crate::connections;
use crate::sentence::{self, Tone};

/// Renders a summary as text, with ANSI colours where asked for.
pub fn render(summary: &Summary, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} against {}, seed {}, {} s counted",
        paint.with(Shade::Bold, &clean(&summary.scenario)),
        clean(&summary.target),
        summary.seed,
        words::significant(summary.counted_s)
    );
    if !summary.merged_from.is_empty() {
        let paths: Vec<String> = summary.merged_from.iter().map(|p| clean(&p.path)).collect();
        let _ = writeln!(
            out,
            "merged from the runs of {} generators: {}",
            paths.len(),
            paths.join(", ")
        );
    }
    arrivals(&mut out, summary, paint);
    latencies(&mut out, summary);
    failures(&mut out, summary, paint);
    samples::checks(&mut out, summary, paint);
    samples::journeys(&mut out, summary, paint);
    samples::samples(&mut out, summary);
    generator(&mut out, summary, paint);
    rules(&mut out, summary, paint);
    verdict(&mut out, summary, paint);
    out
}

fn arrivals(out: &mut String, summary: &Summary, paint: Paint) {
    let arrivals = &summary.arrivals;
    let rates = &summary.rate_per_s;
    let dropped = match arrivals.dropped {
        0 => String::new(),
        dropped => paint.with(Shade::Red, &format!(", {} dropped", words::count(dropped))),
    };
    let _ = writeln!(
        out,
        "\n  requests   n = {} sent{}, {} completed, {} failed{dropped}",
        words::count(arrivals.sent),
        sentence::not_written(arrivals),
        words::count(arrivals.completed),
        words::count(arrivals.failed)
    );
    let _ = writeln!(
        out,
        "  rate       {} offered, {} achieved{}",
        words::rate(rates.offered),
        words::rate(rates.achieved),
        rates
            .share
            .map_or_else(String::new, |share| format!(" ({})", words::percent(share)))
    );
}

fn latencies(out: &mut String, summary: &Summary) {
    let mut table = Table::new(&[
        "latency",
        "n",
        "p50",
        "p90",
        "p95",
        "p99",
        "p99.9",
        "max",
        "p99, 95% interval",
    ]);
    let mut row = |name: &str, latency: &Latency| {
        let interval = latency.interval_95.p99.map_or_else(
            || "–".to_owned(),
            |[low, high]| format!("{} to {}", words::duration(low), words::duration(high)),
        );
        let figures = [
            latency.p50,
            latency.p90,
            latency.p95,
            latency.p99,
            latency.p999,
            latency.max,
        ];
        let cells = [clean(name), words::count(latency.count)]
            .into_iter()
            .chain(figures.map(words::maybe_duration))
            .chain([interval]);
        table.row(cells.collect());
    };
    row("response", &summary.latency_ns.response);
    if summary.latency_ns.response_without_lag.count > 0 {
        row("without lag", &summary.latency_ns.response_without_lag);
    }
    row("service", &summary.latency_ns.service);
    for (name, group) in [("reads", &summary.reads), ("writes", &summary.writes)] {
        if group.arrivals.planned > 0 {
            row(name, &group.latency_ns.response);
        }
    }
    if summary.latency_ns.blocked.count > 0 {
        row("blocked", &summary.latency_ns.blocked);
    }
    row("lag", &summary.latency_ns.lag);
    if summary.requests.len() > 1 {
        for request in summary
            .requests
            .iter()
            .filter(|request| request.arrivals.planned > 0)
        {
            row(&format!("  {}", request.name), &request.latency_ns.response);
        }
    }
    out.push('\n');
    out.push_str(&table.render());
}

fn failures(out: &mut String, summary: &Summary, paint: Paint) {
    if summary.failures.is_empty() {
        return;
    }
    let classes: Vec<String> = summary
        .failures
        .iter()
        .map(|(class, count)| format!("{} {}", clean(class), words::count(*count)))
        .collect();
    let _ = writeln!(
        out,
        "\n  failures   {}",
        paint.with(Shade::Red, &classes.join(", "))
    );
    let told = summary
        .connections
        .iter()
        .flat_map(|with| &with.first_errors);
    for (class, words) in told.filter(|(class, _)| summary.failures.contains_key(*class)) {
        let _ = writeln!(out, "             {}: {}", clean(class), clean(words));
    }
}

fn generator(out: &mut String, summary: &Summary, paint: Paint) {
    let generator = &summary.generator;
    let _ = write!(
        out,
        "\n  generator  {} µs of processor a request, {} processors, {} connections",
        generator
            .cpu_us_per_request
            .map_or_else(|| "–".to_owned(), words::significant),
        words::significant(generator.cores_used),
        words::count(generator.connections)
    );
    if let Some(quantum) = generator.quantum_ns {
        let _ = write!(out, ", shortest sleep {}", words::duration(quantum));
    }
    out.push('\n');
    if let Some(with) = &summary.connections
        && !connections::is_plain(with)
    {
        let verified = with.tls.as_ref().is_none_or(|tls| tls.verified);
        let spoken = clean(&connections::spoken(with));
        let spoken = if verified {
            spoken
        } else {
            paint.with(Shade::Yellow, &spoken)
        };
        let _ = writeln!(out, "  spoken     {spoken}");
    }
    if let Some(target) = &summary.target_usage {
        let _ = writeln!(
            out,
            "  service    {} µs of processor a request, {} processors ({} at most)",
            target
                .cpu_us_per_request
                .map_or_else(|| "–".to_owned(), words::significant),
            words::significant(target.cores_used),
            words::significant(target.peak_cores_used)
        );
    }
}

fn rules(out: &mut String, summary: &Summary, paint: Paint) {
    if summary.rules.is_empty() {
        return;
    }
    out.push('\n');
    for rule in &summary.rules {
        let (sign, word) = sentence::outcome(rule.met);
        let shade = match rule.met {
            Some(true) => Shade::Green,
            Some(false) => Shade::Red,
            None => Shade::Yellow,
        };
        let why = rule.why.strip_prefix("not judged: ").unwrap_or(&rule.why);
        let _ = writeln!(
            out,
            "  {} {}   {}",
            paint.with(shade, &format!("{sign} {word:<10}")),
            clean(&rule.text),
            paint.with(Shade::Dim, &clean(why))
        );
    }
}

fn verdict(out: &mut String, summary: &Summary, paint: Paint) {
    out.push('\n');
    for reason in &summary.verdict.reasons {
        let _ = writeln!(out, "  because {}", clean(reason));
    }
    if !summary.next.is_empty() {
        let _ = writeln!(out, "  next: {}", clean(&summary.next));
    }
    let (tone, _) = sentence::headline(summary);
    let shade = match tone {
        Tone::Good => Shade::Green,
        Tone::Caution => Shade::Yellow,
        Tone::Bad => Shade::Red,
    };
    let words = format!(
        "measurement {}, slo {}",
        sentence::measurement(summary.verdict.measurement),
        sentence::slo(summary.verdict.slo)
    );
    let _ = writeln!(
        out,
        "{}: {}",
        paint.with(shade, &words),
        sentence::sentence(summary)
    );
}

/// Takes control characters out of what comes from a scenario or a service, which could otherwise
/// move the cursor or change colours.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
