//! Checks, journeys, and what came back where a request failed.

use std::fmt::Write as _;

use tenfold_analysis::{Summary, words};

use super::clean;
use super::paint::{Paint, Shade};

/// The most samples that a terminal shows; the report has all of them.
const MOST_SHOWN: usize = 3;

/// The most characters of a body that a terminal shows.
const SHOWN: usize = 200;

/// Writes the checks that failed, and how many passed.
pub(super) fn checks(out: &mut String, summary: &Summary, paint: Paint) {
    let all = || {
        let requests = summary.requests.iter();
        requests.flat_map(|request| request.checks.iter().map(|check| (&request.name, check)))
    };
    let (passed, failed) = all().fold((0, 0), |(passed, failed), (_, (_, counts))| {
        (passed + counts.passed, failed + counts.failed)
    });
    if passed + failed == 0 {
        return;
    }
    let shown = match failed {
        0 => "none failed".to_owned(),
        failed => paint.with(Shade::Red, &format!("{} failed", words::count(failed))),
    };
    let _ = writeln!(
        out,
        "\n  checks     {} passed, {shown}",
        words::count(passed)
    );
    for (request, (name, counts)) in all().filter(|(_, (_, counts))| counts.failed > 0) {
        let _ = writeln!(
            out,
            "    {}: {} failed {} of {} times",
            clean(request),
            clean(name),
            words::count(counts.failed),
            words::count(counts.failed + counts.passed)
        );
    }
}

/// Writes what became of journeys.
pub(super) fn journeys(out: &mut String, summary: &Summary, paint: Paint) {
    if !summary.journeys.is_empty() {
        out.push('\n');
    }
    for journey in &summary.journeys {
        let mut ends = vec![format!("{} completed", words::count(journey.completed))];
        let mut end = |count: u64, what: &str| {
            if count > 0 {
                ends.push(format!("{} {what}", words::count(count)));
            }
        };
        end(journey.failed, "ended by a failure");
        end(journey.unfinished, "unfinished");
        end(journey.cut_off, "cut off");
        let _ = writeln!(
            out,
            "  journey    {}: {} begun, {}",
            clean(&journey.name),
            words::count(journey.begun),
            ends.join(", ")
        );
        if let Some(reason) = &journey.cut_off_because {
            let reason = paint.with(Shade::Red, &clean(reason));
            let _ = writeln!(out, "             cut off: {reason}");
        }
    }
}

/// Writes the first of what came back where requests failed.
pub(super) fn samples(out: &mut String, summary: &Summary) {
    for sample in summary.samples.iter().take(MOST_SHOWN) {
        let status = sample.status.map(|status| format!(", status {status}"));
        let check = sample.check.as_ref().map(|check| format!(" \"{check}\""));
        let _ = writeln!(
            out,
            "\n  sample     {}, {}{}{}",
            clean(&sample.request),
            clean(&sample.failure),
            clean(&check.unwrap_or_default()),
            status.unwrap_or_default()
        );
        let _ = writeln!(out, "             {}", clean(&sample.reason));
        if !sample.body.trim().is_empty() {
            let body: String = sample.body.chars().take(SHOWN).collect();
            let _ = writeln!(out, "             {}", clean(&body));
        }
    }
    if summary.samples.len() > MOST_SHOWN {
        let _ = writeln!(
            out,
            "\n  {} samples in all are in the report and in samples.json",
            summary.samples.len()
        );
    }
}
