//! The page of the comparison of stores.

use tenfold_analysis::format;
use tenfold_reports::document::{Block, Document, Section};

use super::{CALLERS, NosqlFigures, OperationFigures, QuestionFigures, SideFigures};
use crate::output::goal::Goal;
use crate::output::page::{BUSY, NONE, cells, goals, megabytes};

/// Returns the page of the results.
pub(super) fn page(figures: &NosqlFigures) -> Document {
    let mut sections = vec![goals(&[crossover(figures)]), winners(figures)];
    sections.extend(figures.questions.iter().map(section));
    if !figures.mishaps.is_empty() {
        let reasons = figures.mishaps.iter().map(|reason| vec![reason.clone()]);
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Failed questions".to_owned(),
            lead: String::new(),
            blocks: vec![cells(&["reason"], reasons.collect())],
        });
    }
    Document {
        title: "SQL or NoSQL, measured".to_owned(),
        lead: lead(figures),
        sections,
        ..Document::default()
    }
}

fn lead(figures: &NosqlFigures) -> String {
    let host = &figures.host;
    let mut text = format!(
        "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start). SQL is MariaDB. Every box has {} CPU and 512 MiB; where the \
         other store has several boxes, the one of SQL has as much CPU as all of them. Rates are medians of {} turns of {} s with {CALLERS} calls \
         at once, in alternation, with the range. MariaDB and Redis use TLS and MariaDB encrypts its tables, as in every stage; Cassandra and \
         ArcadeDB do neither.",
        figures.started_at,
        (figures.took_s / 60.0).ceil(),
        host.cores,
        host.cpu,
        host.kernel,
        host.load_1m,
        format::significant(figures.box_cpu),
        figures.rounds,
        figures.seconds,
    );
    if let Some(reason) = &figures.unconfined_because {
        text.push_str(&format!(" The boxes had no limits: {reason}."));
    }
    if host.load_1m > BUSY {
        text.push_str(" The machine was already busy at the start.");
    }
    if figures.quick {
        text.push_str(" Quick check: do not quote these figures.");
    }
    text
}

/// Result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Winner {
    Sql,
    Other,
    /// The ranges overlap, or a store failed too often.
    Neither,
}

/// Returns the store with the higher rate, if the ranges of the rounds do not overlap.
fn winner(operation: &OperationFigures) -> Winner {
    let OperationFigures { sql, other, .. } = operation;
    let failed = |own: &SideFigures| own.failed * 100 > own.calls;
    if sql.rate_per_s.least > other.rate_per_s.greatest && !failed(sql) {
        Winner::Sql
    } else if other.rate_per_s.least > sql.rate_per_s.greatest && !failed(other) {
        Winner::Other
    } else {
        Winner::Neither
    }
}

/// Judges whether each kind wins somewhere.
fn crossover(figures: &NosqlFigures) -> Goal {
    let operations = || figures.questions.iter().flat_map(|own| &own.operations);
    let wins = |by: Winner| operations().filter(|own| winner(own) == by).count();
    let all = operations().count();
    let (sql, other) = (wins(Winner::Sql), wins(Winner::Other));
    let measured = (all > 0).then(|| {
        let text =
            format!("SQL is faster in {sql} of {all} operations, the other store in {other}");
        (text, sql > 0 && other > 0)
    });
    let asked = "SQL is faster in some operation, and another store in some other one";
    Goal::new(asked.to_owned(), measured, "nothing was measured")
}

/// Lists who wins each operation, and by how much.
fn winners(figures: &NosqlFigures) -> Section {
    let rows = figures.questions.iter().flat_map(|own| {
        own.operations.iter().map(|operation| {
            let ratio = operation.other.rate_per_s.median / operation.sql.rate_per_s.median;
            let (name, factor) = match winner(operation) {
                Winner::Sql => ("SQL", times(1.0 / ratio)),
                Winner::Other => (own.question.store(), times(ratio)),
                Winner::Neither => ("neither", NONE.to_owned()),
            };
            vec![operation.name.clone(), name.to_owned(), factor]
        })
    });
    Section {
        id: "winners".to_owned(),
        title: "Faster store of each operation".to_owned(),
        lead: "A store is faster if its slowest turn beats the fastest one of the other."
            .to_owned(),
        blocks: vec![cells(&["operation", "faster", "rate"], rows.collect())],
    }
}

fn times(factor: f64) -> String {
    match factor.is_finite() {
        true => format!("{} times", format::significant(factor)),
        false => NONE.to_owned(),
    }
}

fn section(own: &QuestionFigures) -> Section {
    let head = [
        "operation",
        "store",
        "rate",
        "CPU per call",
        "failed",
        "at the same rate",
        "p50",
        "p99",
        "failed there",
    ];
    let rows = own.operations.iter().flat_map(|operation| {
        let sides = [
            ("SQL", &operation.sql),
            (own.question.store(), &operation.other),
        ];
        sides.map(|(store, side)| row(operation, store, side))
    });
    let disk = vec![
        vec!["SQL".to_owned(), megabytes(own.sql_bytes as f64)],
        vec![
            own.question.store().to_owned(),
            megabytes(own.other_bytes as f64),
        ],
    ];
    let reasons = own.operations.iter().flat_map(|operation| {
        let sides = [
            ("SQL", &operation.sql),
            (own.question.store(), &operation.other),
        ];
        sides.into_iter().filter_map(|(store, side)| {
            let reason = side.reason.clone()?;
            Some(vec![operation.name.clone(), store.to_owned(), reason])
        })
    });
    let reasons: Vec<_> = reasons.collect();
    let mut blocks = vec![
        cells(&head, rows.collect()),
        cells(&["store", "on disk, once stopped"], disk),
    ];
    if !reasons.is_empty() {
        blocks.push(cells(&["operation", "store", "one failure"], reasons));
    }
    blocks.push(Block::Text(format!(
        "Given up: {}",
        own.question.given_up()
    )));
    Section {
        title: own.question.title().to_owned(),
        lead: format!("Data: {}.", own.data),
        blocks,
        id: format!("{:?}", own.question).to_ascii_lowercase(),
    }
}

fn row(operation: &OperationFigures, store: &str, side: &SideFigures) -> Vec<String> {
    let milliseconds = |time: Option<f64>| {
        time.map_or_else(
            || NONE.to_owned(),
            |time| format!("{} ms", format::significant(time)),
        )
    };
    let share = |failed: u64, of: u64| format::percent(failed as f64 / of.max(1) as f64);
    let cpu_us = side
        .cpu_us
        .map(|own| format!("{} us", format::significant(own.median)));
    vec![
        operation.name.clone(),
        store.to_owned(),
        side.rate_per_s
            .describe(|rate| format!("{}/s", format::significant(rate))),
        cpu_us.unwrap_or_else(|| NONE.to_owned()),
        share(side.failed, side.calls),
        format!("{}/s", format::significant(operation.paced_per_s)),
        milliseconds(side.p50_ms),
        milliseconds(side.p99_ms),
        share(side.paced_failed, side.paced_calls),
    ]
}

/// Returns an operation in a line.
#[cfg_attr(
    not(feature = "nosql"),
    expect(dead_code, reason = "only the measurement reports progress")
)]
pub(super) fn line(operation: &OperationFigures) -> String {
    let rate = |own: &SideFigures| format::significant(own.rate_per_s.median);
    format!(
        "{}: SQL {}/s, the other {}/s",
        operation.name,
        rate(&operation.sql),
        rate(&operation.other)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::spread::Spread;

    fn side(rates: &[f64], failed: u64) -> SideFigures {
        SideFigures {
            reason: None,
            rate_per_s: Spread::of(rates.iter().copied()).unwrap(),
            cpu_us: None,
            failed,
            calls: 1_000,
            p50_ms: Some(1.0),
            p99_ms: None,
            paced_calls: 100,
            paced_failed: 0,
        }
    }

    fn operation(sql: SideFigures, other: SideFigures) -> OperationFigures {
        OperationFigures {
            name: "read".to_owned(),
            sql,
            other,
            paced_per_s: 10.0,
        }
    }

    #[test]
    fn winner_needs_ranges_apart_and_few_failures() {
        let fast = || side(&[100.0, 110.0], 0);
        let slow = || side(&[50.0, 60.0], 0);
        assert_eq!(winner(&operation(fast(), slow())), Winner::Sql);
        assert_eq!(winner(&operation(slow(), fast())), Winner::Other);
        let overlapping = side(&[55.0, 105.0], 0);
        assert_eq!(winner(&operation(fast(), overlapping)), Winner::Neither);
        let failing = side(&[100.0, 110.0], 20);
        assert_eq!(winner(&operation(slow(), failing)), Winner::Neither);
    }
}
