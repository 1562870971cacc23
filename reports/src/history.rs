//! The history of gates and runs: its file and its report.

mod file;
mod sentence;

use serde::Serialize;
use tenfold_analysis::format;
use tenfold_analysis::history::{Problem, Trend, Trends};

use crate::chart::{self, Description, Ink};
use crate::document::{Block, Chart, Document, Judgement, Section, Table, Tone, capitalised};

pub use file::{HistoryError, append, read};

/// The JSON document of a history.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct History<'a> {
    /// The trends, and the settings of their changes.
    pub history: &'a Trends,
    /// The lines of the file that were skipped.
    pub problems: &'a [Problem],
}

/// Returns the whole report of a history: a chart for each series, with its changes.
pub fn page(trends: &Trends, problems: &[Problem]) -> Document {
    let mut sections = Vec::new();
    let changes = changes(trends);
    if !changes.rows.is_empty() {
        sections.push(Section::new(
            "changes",
            "Changes",
            "",
            vec![Block::Table(changes)],
        ));
    }
    sections.extend(
        trends
            .trends
            .iter()
            .enumerate()
            .map(|(index, own)| series(index, own)),
    );
    if !problems.is_empty() {
        let problems = Block::List(problems.iter().map(Problem::to_string).collect());
        sections.push(Section::new(
            "problems",
            "Skipped lines",
            "",
            vec![problems],
        ));
    }
    Document {
        origin: vec!["history".to_owned()],
        title: sentence::lead(trends),
        lead: format!(
            "A change is a step in the level of a series (E-divisive with means). A series without changes \
             shows one with a probability of at most {}. A machine that is busy for days shows changes that \
             the software did not cause.",
            format::percent(trends.settings.significance)
        ),
        sections,
        ..Document::default()
    }
}

/// Returns the short report of a history: a row for each series, then the changes.
pub fn digest(trends: &Trends, problems: &[Problem]) -> Document {
    let rows = trends.trends.iter().map(|trend| {
        let value = |value: Option<f64>| value.map(|value| sentence::value(trend, value));
        let last = trend
            .changes
            .last()
            .map(|change| format::change(change.change));
        vec![
            sentence::title(trend),
            trend.points.len().to_string(),
            or_nothing(value(trend.points.first().map(|point| point.value))),
            or_nothing(value(trend.points.last().map(|point| point.value))),
            match &trend.too_short {
                Some(_) => "too short".to_owned(),
                None => trend.changes.len().to_string(),
            },
            or_nothing(last),
        ]
    });
    let head = [
        "series",
        "values",
        "first",
        "last",
        "changes",
        "last change",
    ];
    let changes = trends.trends.iter().flat_map(|trend| {
        trend.changes.iter().map(|change| {
            let (tone, sign, word) = match change.change > 0.0 {
                true => (Tone::Bad, "↑", "up"),
                false => (Tone::Good, "↓", "down"),
            };
            Judgement {
                tone,
                sign,
                word,
                name: sentence::title(trend),
                reason: sentence::change(trend, change),
            }
        })
    });
    let remarks = trends.trends.iter().flat_map(|trend| {
        let title = sentence::title(trend);
        let remarks = sentence::remarks(trend).into_iter();
        remarks.map(move |remark| Block::Note(format!("{title}: {remark}")))
    });
    let problems = problems
        .iter()
        .map(|problem| Block::Note(problem.to_string()));
    let mut opening = Vec::new();
    if !trends.trends.is_empty() {
        opening.push(Block::Table(Table::new(&head, rows)));
    }
    let changes: Vec<Judgement> = changes.collect();
    if !changes.is_empty() {
        opening.push(Block::Judgements(changes));
    }
    opening.extend(remarks.chain(problems));
    Document {
        title: sentence::lead(trends),
        opening,
        ..Document::default()
    }
}

fn changes(trends: &Trends) -> Table {
    let rows = trends.trends.iter().flat_map(|trend| {
        trend.changes.iter().map(move |change| {
            vec![
                sentence::title(trend),
                format::change(change.change),
                sentence::value(trend, change.before),
                sentence::value(trend, change.after),
                format!("{:.3}", change.p_value),
                sentence::revision(change),
                change.at.clone(),
            ]
        })
    });
    let head = [
        "series", "change", "before", "after", "p", "revision", "time",
    ];
    Table::new(&head, rows)
}

fn series(index: usize, trend: &Trend) -> Section {
    let format = |value: f64| sentence::value(trend, value);
    let description = Description {
        at: (0..trend.points.len())
            .map(|entry| entry as f64 + 1.0)
            .collect(),
        id: format!("trend-{index}"),
        title: sentence::title(trend),
        text: format!(
            "{} values in order of time, with the median of each level; {} changes.",
            format::count(trend.points.len() as u64),
            trend.changes.len()
        ),
    };
    let rows = trend.points.iter().enumerate().map(|(index, point)| {
        let interval = point.effect.and_then(|effect| effect.interval);
        let ends = interval.map(|interval| [interval.low, interval.high].map(format::change));
        vec![
            (index + 1).to_string(),
            point.at.clone(),
            point.label.clone(),
            or_nothing(point.revision.clone()),
            format(point.value),
            or_nothing(point.effect.map(|effect| format::change(effect.value))),
            or_nothing(ends.map(|ends| ends.join(" to "))),
        ]
    });
    let head = [
        "entry",
        "time",
        "build",
        "revision",
        "value",
        "effect of its gate",
        "interval",
    ];
    let legend = [
        (Ink::Response, "values"),
        (Ink::Achieved, "medians between changes"),
        (Ink::Lost, "changes"),
    ];
    let changes = trend.changes.iter();
    let changes = changes.map(|change| Block::Text(sentence::change(trend, change)));
    let remarks = sentence::remarks(trend).into_iter();
    let remarks = remarks.map(|remark| Block::Note(format!("{}.", capitalised(&remark))));
    let svg = chart::trend(&description, trend, format);
    let chart = Chart::block(svg, &legend, Table::new(&head, rows));
    Section::new(
        &format!("series-{index}"),
        &sentence::title(trend),
        "",
        changes.chain(remarks).chain([chart]).collect(),
    )
}

fn or_nothing(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}
