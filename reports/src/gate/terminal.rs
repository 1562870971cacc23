//! What a person reads on a terminal when a gate has ended; the verdict comes last.

use std::fmt::Write as _;

use tenfold_analysis::gate::{Calibration, Cause, Decision, GateOutcome, Role, Settings, Side};
use tenfold_analysis::words;

use crate::gate::figures;
use crate::sentence::Tone;
use crate::terminal::clean;
use crate::terminal::paint::{Paint, Shade};
use crate::terminal::table::Table;

/// The most functions and waits that a terminal shows; the report has all of them.
const MOST_SHOWN: usize = 5;

/// The most of a build's last lines that a terminal shows.
const LAST_LINES: usize = 10;

/// Renders what came of a gate as text, with ANSI colours where asked for.
pub fn render(outcome: &GateOutcome, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {} against {}, seed {}, {} rounds in {} s",
        paint.with(Shade::Bold, &clean(&outcome.scenario)),
        clean(&figures::build(outcome, Side::Candidate)),
        clean(&figures::build(outcome, Side::Baseline)),
        outcome.seed,
        outcome.rounds.len(),
        words::significant(outcome.elapsed_s)
    );
    if let Some(decision) = &outcome.decision {
        effects(&mut out, decision, &outcome.settings, paint);
    } else if let Some(calibration) = &outcome.calibration {
        self::calibration(&mut out, calibration);
    }
    facts(&mut out, outcome, paint);
    if let Some(cause) = &outcome.cause {
        self::cause(&mut out, cause);
    }
    last_lines(&mut out, outcome);
    verdict(&mut out, outcome, paint);
    out
}

fn shade(tone: Tone) -> Shade {
    match tone {
        Tone::Good => Shade::Green,
        Tone::Caution => Shade::Yellow,
        Tone::Bad => Shade::Red,
    }
}

fn effects(out: &mut String, decision: &Decision, settings: &Settings, paint: Paint) {
    let mut table = Table::new(&[
        "metric",
        "baseline",
        "candidate",
        "effect",
        "interval",
        "limit",
        "sees",
    ]);
    let rows = figures::rows(decision);
    for row in &rows {
        table.row(vec![
            clean(&row.name),
            clean(&row.baseline),
            clean(&row.candidate),
            row.effect.clone(),
            row.interval.clone(),
            row.limit.clone(),
            row.sees.clone(),
        ]);
    }
    let _ = writeln!(out, "\n{}", table.render());
    for row in &rows {
        let _ = writeln!(
            out,
            "  {} {}: {}",
            paint.with(shade(row.tone), &format!("{} {:<9}", row.sign, row.word)),
            clean(&row.name),
            clean(&row.reason)
        );
    }
    if let Some(note) = figures::how_intervals_hold(decision, settings) {
        let _ = writeln!(out, "\n  {}", paint.with(Shade::Dim, &note));
    }
    if let Some(seen) = figures::could_be_seen(decision) {
        let _ = writeln!(out, "  {}", paint.with(Shade::Dim, &clean(&seen)));
    }
}

/// Sets what rounds of the baseline beside itself showed.
fn calibration(out: &mut String, calibration: &Calibration) {
    let mut table = Table::new(&["metric", "gated", "noise", "itself", "sees", "rounds"]);
    let or_dash = |said: Option<String>| said.unwrap_or_else(|| "-".to_owned());
    for own in &calibration.metrics {
        table.row(vec![
            clean(&own.name),
            if own.gated { "yes" } else { "no" }.to_owned(),
            or_dash(own.noise.map(words::percent)),
            or_dash(own.bias.map(|bias| words::change(bias.value))),
            or_dash(own.smallest_detectable.map(words::percent)),
            or_dash(own.rounds_needed.map(|rounds| words::count(rounds as u64))),
        ]);
    }
    let _ = writeln!(out, "\n{}", table.render());
    for own in &calibration.metrics {
        if let Some(reason) = &own.reason {
            let _ = writeln!(
                out,
                "  {} is not gated: {}",
                clean(&own.name),
                clean(reason)
            );
        }
    }
    let _ = writeln!(
        out,
        "\n  noise is from round to round; itself is by how much the baseline differs from itself; sees is \
         the least slowdown\n  that the budget's rounds find; rounds are what it takes for the limit"
    );
}

fn facts(out: &mut String, outcome: &GateOutcome, paint: Paint) {
    let capacity = figures::capacity(outcome);
    let is_any = outcome.answers.is_some() || outcome.memory.is_some() || capacity.is_some();
    if is_any || !outcome.remarks.is_empty() {
        out.push('\n');
    }
    if let Some(answers) = &outcome.answers {
        let said = figures::answers(answers);
        let said = if answers.statuses_differ > 0 {
            paint.with(Shade::Red, &said)
        } else {
            said
        };
        let _ = writeln!(out, "  answers    {said}");
        for request in &answers.requests {
            if request.statuses_differ + request.bodies_differ > 0 {
                let _ = writeln!(
                    out,
                    "             {}: {} statuses and {} bodies of {}",
                    clean(&request.request),
                    words::count(request.statuses_differ),
                    words::count(request.bodies_differ),
                    words::count(request.compared)
                );
            }
        }
    }
    for side in Side::ALL {
        let memory = outcome.memory.as_ref().map(|pair| pair.of(side));
        if let Some(said) = memory.and_then(figures::memory) {
            let _ = writeln!(out, "  memory     {side}: {said}");
        }
    }
    if let Some(said) = capacity {
        let _ = writeln!(out, "  capacity   {said}");
    }
    for remark in &outcome.remarks {
        let _ = writeln!(
            out,
            "  {}       {}",
            paint.with(Shade::Yellow, "note"),
            clean(remark)
        );
    }
}

fn cause(out: &mut String, cause: &Cause) {
    if !cause.functions.is_empty() {
        let mut table = Table::new(&[
            "what changed most",
            "share before",
            "after",
            "CPU a request",
            "after",
        ]);
        for function in cause.functions.iter().take(MOST_SHOWN) {
            let figures = figures::function(function);
            let name = [clean(&function.name)];
            table.row(name.into_iter().chain(figures).collect());
        }
        let _ = write!(out, "\n{}", table.render());
    }
    if !cause.waits.is_empty() {
        let mut table = Table::new(&["waits that changed most", "before", "after"]);
        for wait in cause.waits.iter().take(MOST_SHOWN) {
            table.row(vec![
                clean(&wait.name),
                figures::value("µs", wait.us_per_request.baseline),
                figures::value("µs", wait.us_per_request.candidate),
            ]);
        }
        let _ = write!(out, "\n{}", table.render());
    }
}

fn last_lines(out: &mut String, outcome: &GateOutcome) {
    for day in &outcome.bad_days {
        let lines = day.last_lines();
        let from = lines.len().saturating_sub(LAST_LINES);
        for (index, line) in lines[from..].iter().enumerate() {
            let lead = if index == 0 {
                "\n  it wrote   "
            } else {
                "             "
            };
            let _ = writeln!(out, "{lead}{}", clean(line));
        }
    }
}

fn verdict(out: &mut String, outcome: &GateOutcome, paint: Paint) {
    out.push('\n');
    let others = outcome.bad_days.iter();
    for day in others.filter(|day| day.sentence() != outcome.sentence) {
        let _ = writeln!(out, "  also: {}", clean(&day.sentence()));
    }
    if !outcome.next.is_empty() {
        let _ = writeln!(out, "  next: {}", clean(&outcome.next));
    }
    if outcome.advisory {
        let _ = writeln!(out, "  advisory: the verdict fails nothing");
    }
    let (tone, headline) = figures::headline(outcome);
    let gated = outcome.decision.as_ref().map_or(0, |decision| {
        let metrics = decision.metrics.iter();
        metrics
            .filter(|result| result.metric.role == Role::Gated)
            .count()
    });
    let of = match gated {
        0 => String::new(),
        1 => " (1 gated metric)".to_owned(),
        several => format!(" ({several} gated metrics)"),
    };
    let _ = writeln!(
        out,
        "{}{of}: {}",
        paint.with(shade(tone), &headline.to_lowercase()),
        clean(&outcome.sentence)
    );
}
