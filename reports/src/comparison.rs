//! The report of several runs side by side.

use tenfold_analysis::{Comparison, Direction, Effect, EffectUnit, RunEffects, Summary, format};
use tenfold_run_dir::Flamegraph;

use crate::chart::forest::Bar;
use crate::chart::{Description, Ink};
use crate::document::{Block, Document, Forest, ForestRow, Judgement, Section, Table, Tone};
use crate::flamegraph::{Difference, Measure, flamegraph};
use crate::run::{curve_chart, interval, verdict};

/// Inks of the runs, in their order.
const INKS: [Ink; 6] = [
    Ink::Response,
    Ink::Service,
    Ink::Writes,
    Ink::Unlagged,
    Ink::Lag,
    Ink::Offered,
];

/// Returns what differs between runs: their settings, their figures with intervals, and their percentile curves.
pub fn comparison(comparison: &Comparison) -> Document {
    let sections = [
        settings(comparison),
        effects(comparison),
        curves(comparison),
        profiles(comparison),
        Some(figures_section(comparison)),
    ];
    Document {
        origin: vec!["comparison".to_owned()],
        title: title(comparison),
        lead: lead(comparison),
        sections: sections.into_iter().flatten().collect(),
        ..Document::default()
    }
}

fn title(comparison: &Comparison) -> String {
    let ([first, other], [effects]) = (comparison.names.as_slice(), comparison.effects.as_slice())
    else {
        return format!("{} runs side by side", comparison.names.len());
    };
    let count = |direction| {
        let effects = effects.effects.iter();
        effects
            .filter(|effect| effect.direction == direction)
            .count()
    };
    let (better, worse) = (count(Direction::Better), count(Direction::Worse));
    match (better, worse, effects.intervals) {
        (_, _, 0) => format!("{other} beside {first}: too short for intervals"),
        (0, 0, _) => format!("{other} beside {first}: no difference shown"),
        _ => format!(
            "{other} beside {first}: of {} figures, {better} better and {worse} worse",
            effects.effects.len()
        ),
    }
}

fn lead(comparison: &Comparison) -> String {
    let questions = comparison.differences.iter();
    let mut questions: Vec<&str> = questions
        .filter(|difference| difference.different_question)
        .map(|difference| {
            // Of a scenario's fields, the table has the names.
            let field = difference.what.split_once(": ");
            field.map_or(difference.what.as_str(), |(what, _)| what)
        })
        .collect();
    questions.dedup();
    match (comparison.differences.is_empty(), questions.is_empty()) {
        (true, _) => "The runs have the same settings.".to_owned(),
        (false, true) => "The load was the same, but other settings differ.".to_owned(),
        (false, false) => format!(
            "The runs did not measure the same thing, so compare their figures with care. They differ in {}.",
            questions.join(", ")
        ),
    }
}

/// Returns a table with a column for each run.
fn table(comparison: &Comparison, first: &str, rows: Vec<Vec<String>>) -> Block {
    let names = comparison.names.iter().map(String::as_str);
    let head: Vec<&str> = [first].into_iter().chain(names).collect();
    Block::Table(Table::new(&head, rows))
}

/// Returns the settings that differ. `None` if none does.
fn settings(comparison: &Comparison) -> Option<Section> {
    let rows = comparison.differences.iter().map(|difference| {
        let values = difference.values.iter().cloned();
        [difference.what.clone()]
            .into_iter()
            .chain(values)
            .collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    (!rows.is_empty()).then(|| {
        let lead = "A difference in the figures may come from any of these.";
        let settings = vec![table(comparison, "setting", rows)];
        Section::new("differences", "Different settings", lead, settings)
    })
}

/// Returns the differences between the profiles of two runs. `None` unless both have one.
fn profiles(comparison: &Comparison) -> Option<Section> {
    let ([one, other], Some(profiles)) = (comparison.names.as_slice(), &comparison.profiles) else {
        return None;
    };
    let mut blocks = vec![Block::Heading("Functions that differ".to_owned())];
    let us = |us: Option<f64>| {
        us.map_or("–".to_owned(), |us| {
            format!("{} µs", format::significant(us))
        })
    };
    let rows = profiles.functions.iter().map(|own| {
        vec![
            own.name.clone(),
            format::percent(own.share[0]),
            format::percent(own.share[1]),
            us(own.us_per_request[0]),
            us(own.us_per_request[1]),
        ]
    });
    blocks.push(match profiles.functions.is_empty() {
        true => Block::Text("No function differs by more than chance.".to_owned()),
        false => Block::Table(Table::new(
            &[
                "function, without its callees",
                one,
                other,
                "CPU per request, first run",
                "other run",
            ],
            rows,
        )),
    });
    if !profiles.waits.is_empty() {
        let rows = profiles.waits.iter().map(|own| {
            let threads = own.threads.map(format::significant);
            [own.kind.clone()].into_iter().chain(threads).collect()
        });
        blocks.push(Block::Heading("Waits of threads with work".to_owned()));
        blocks.push(Block::Table(Table::new(
            &["threads that wait on average, for", one, other],
            rows,
        )));
    }
    let [before, after] = profiles.stacks.clone().map(Flamegraph::Stacks);
    let difference = Difference::between(Some(&before), Some(&after));
    let graphs = [
        (
            "flame-appeared",
            format!("Appeared: as wide as {other}"),
            difference.appeared,
        ),
        (
            "flame-vanished",
            format!("Vanished: as wide as {one}"),
            difference.vanished,
        ),
    ];
    for (id, title, frames) in graphs {
        if let Some(frames) = frames {
            blocks.push(Block::Heading(title.clone()));
            blocks.push(flamegraph(&frames, Measure::Samples, id, &title));
        }
    }
    let lead = "A function is listed if the 95% interval of its difference excludes zero: about one in twenty is listed by chance. In the flamegraphs, red functions grew and blue \
                functions shrank, in shares of all samples. The profile with fewer samples is scaled to the other.";
    Some(Section::new("profiles", "Profiles", lead, blocks))
}

/// Returns the differences of each run from the first, with their intervals. `None` for a single run.
fn effects(comparison: &Comparison) -> Option<Section> {
    let first = comparison.names.first()?;
    let runs = comparison.effects.iter().enumerate();
    let blocks: Vec<Block> = runs
        .flat_map(|(index, run)| {
            [
                Block::Heading(format!("{} beside {first}", run.name)),
                forest(index, run),
                Block::Note(method(run)),
            ]
        })
        .collect();
    let lead = "The change of each figure from the first run, with its 95% interval. A figure differs if its interval \
                excludes zero. Each interval holds for its own figure: about one in twenty excludes zero by chance.";
    (!blocks.is_empty()).then(|| Section::new("effects", "Differences", lead, blocks))
}

fn forest(index: usize, run: &RunEffects) -> Block {
    let rows = run.effects.iter().map(|effect| ForestRow {
        judgement: judgement(effect),
        cells: vec![
            effect
                .change
                .map_or_else(none, |own| change(effect.unit, own)),
            effect.interval_95.map_or_else(none, |ends| {
                ends.map(|end| change(effect.unit, end)).join(" to ")
            }),
            value(effect.unit, effect.baseline),
            value(effect.unit, effect.value),
        ],
        // Shares have differences, not ratios, and another scale.
        bar: effect
            .change
            .filter(|_| effect.unit != EffectUnit::Fraction)
            .map(|change| Bar {
                value: change,
                interval: effect.interval_95.map(|[low, high]| (low, high)),
                tolerance: None,
                fail_above: None,
            }),
    });
    Block::Forest(Forest {
        id: format!("effect-{index}"),
        head: vec!["change", "95% interval", "first run", "this run"],
        axis: "less ← → more",
        rows: rows.collect(),
    })
}

fn judgement(effect: &Effect) -> Judgement {
    let (tone, sign, word) = match effect.direction {
        Direction::Better => (Tone::Good, "✓", "better"),
        Direction::Worse => (Tone::Bad, "✗", "worse"),
        Direction::NotShown => (Tone::Caution, "≈", "not shown"),
        Direction::Unknown => (Tone::Caution, "?", "unknown"),
        Direction::NotJudged => (Tone::Caution, "–", "not judged"),
    };
    let shown = |own: f64| change(effect.unit, own);
    let reason = match (effect.change, effect.interval_95) {
        (Some(own), _) if effect.direction == Direction::NotJudged => {
            format!("{}, as the runs offered different rates", shown(own))
        }
        (Some(own), Some([low, high])) => {
            format!("{}, interval {} to {}", shown(own), shown(low), shown(high))
        }
        (Some(own), None) => format!("{}, without an interval", shown(own)),
        (None, _) => "a value is missing or has too few samples".to_owned(),
    };
    Judgement {
        tone,
        sign,
        word,
        name: effect.name.clone(),
        reason,
    }
}

/// Explains how the intervals were computed.
fn method(run: &RunEffects) -> String {
    if run.intervals == 0 {
        return "The runs are too short for intervals: they need ten counted seconds.".to_owned();
    }
    let pairing = if run.paired {
        "Both runs planned the same load, so both are resampled at the same times."
    } else {
        "The runs planned different loads, so each is resampled on its own."
    };
    format!(
        "Moving-block bootstrap over {} intervals of {} s, in blocks of {} (chosen from their autocorrelation). \
         {pairing} The intervals describe these runs; repeated runs differ more.",
        format::count(run.intervals),
        format::significant(run.interval_s),
        format::count(run.block)
    )
}

fn none() -> String {
    "–".to_owned()
}

/// Formats a change: relative, or in percentage points for a share.
fn change(unit: EffectUnit, change: f64) -> String {
    match unit {
        EffectUnit::Fraction => {
            let points = change * 100.0;
            let sign = match points {
                points if points > 0.0 => "+",
                points if points < 0.0 => "−",
                _ => "",
            };
            format!("{sign}{} points", format::significant(points.abs()))
        }
        _ => format::change(change),
    }
}

fn value(unit: EffectUnit, value: Option<f64>) -> String {
    let Some(value) = value else {
        return none();
    };
    match unit {
        EffectUnit::Ns => format::duration_of(value),
        EffectUnit::PerSecond => format::rate(value),
        EffectUnit::Fraction => format::percent(value),
        EffectUnit::CpuUs => format!("{} µs", format::significant(value)),
    }
}

/// Returns the percentile curves of the runs over each other. `None` without curves.
fn curves(comparison: &Comparison) -> Option<Section> {
    let runs = || comparison.curves.iter().zip(&comparison.names).zip(INKS);
    if runs().len() < 2 {
        return None;
    }
    let curves: Vec<_> = runs().map(|((curve, _), ink)| (curve, ink)).collect();
    let legend: Vec<_> = runs()
        .map(|((_, name), ink)| (ink, name.as_str()))
        .collect();
    let named: Vec<_> = runs()
        .map(|((curve, name), _)| (name.as_str(), curve))
        .collect();
    let description = Description {
        id: "percentiles".to_owned(),
        title: "Response time by percentile".to_owned(),
        text: format!("{} runs over each other.", named.len()),
        at: Vec::new(),
    };
    let mut lead =
        "Response time of all requests. A curve ends where fewer than ten samples lie beyond it."
            .to_owned();
    if comparison.curves.len() > INKS.len() {
        lead.push_str(&format!(" Only the first {} runs are drawn.", INKS.len()));
    }
    let chart = curve_chart(description, &curves, &legend, &named, false);
    Some(Section::new(
        "percentile-curves",
        "Response time by percentile",
        lead,
        vec![chart],
    ))
}

fn figures_section(comparison: &Comparison) -> Section {
    let figures = vec![table(comparison, "figure", figures(comparison))];
    Section::new("figures", "Figures", "", figures)
}

/// The name of a figure, and its value for a run.
type Figure = (&'static str, fn(&Summary) -> String);

/// Returns a row for each figure, with a cell for each run.
fn figures(comparison: &Comparison) -> Vec<Vec<String>> {
    let figures: [Figure; 17] = [
        ("measurement", |s| {
            verdict::measurement(s.verdict.measurement).to_owned()
        }),
        ("objectives", |s| verdict::slo(s.verdict.slo).to_owned()),
        ("offered rate", |s| format::rate(s.rate_per_s.offered)),
        ("achieved rate", |s| format::rate(s.rate_per_s.achieved)),
        ("completed", |s| format::count(s.arrivals.completed)),
        ("failed", |s| format::count(s.arrivals.failed)),
        ("dropped", |s| format::count(s.arrivals.dropped)),
        ("response p50", |s| {
            format::maybe_duration(s.latency_ns.response.p50)
        }),
        ("response p90", |s| {
            format::maybe_duration(s.latency_ns.response.p90)
        }),
        ("response p99", |s| {
            format::maybe_duration(s.latency_ns.response.p99)
        }),
        ("response p99, 95% interval", |s| {
            interval(s.latency_ns.response.interval_95.p99)
        }),
        ("response p99.9", |s| {
            format::maybe_duration(s.latency_ns.response.p999)
        }),
        ("service p50", |s| {
            format::maybe_duration(s.latency_ns.service.p50)
        }),
        ("service p99", |s| {
            format::maybe_duration(s.latency_ns.service.p99)
        }),
        ("read p99", |s| {
            format::maybe_duration(s.reads.latency_ns.response.p99)
        }),
        ("write p99", |s| {
            format::maybe_duration(s.writes.latency_ns.response.p99)
        }),
        ("service CPU, µs per request", |s| {
            let usage = s
                .target_usage
                .as_ref()
                .and_then(|usage| usage.cpu_us_per_request);
            usage.map_or_else(|| "–".to_owned(), format::significant)
        }),
    ];
    let rows = figures.into_iter().map(|(name, of)| {
        let cells = comparison.summaries.iter().map(of);
        [name.to_owned()].into_iter().chain(cells).collect()
    });
    rows.collect()
}
