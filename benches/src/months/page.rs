//! The page of the benchmark of months.

use tenfold_analysis::format;
use tenfold_reports::document::{Document, Section};

use super::MonthsFigures;
use crate::output::page::{NONE, cells};
use crate::output::spread::Spread;

/// Returns the page of the results.
pub(super) fn page(figures: &MonthsFigures) -> Document {
    let quick = match figures.quick {
        true => " Quick check: do not quote its figures.",
        false => "",
    };
    let unconfined = figures.unconfined_because.as_ref();
    let unconfined =
        unconfined.map_or_else(String::new, |why| format!(" The box had no limits: {why}."));
    Document {
        title: "Posts in partitions by month".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start): MariaDB in a box of {} CPUs, with {} \
             posts a month for a year. Statements run in a loop within the database.{unconfined}{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            figures.box_cpu,
            figures.posts_a_month,
        ),
        sections: vec![operations(figures), plans(figures)],
        ..Document::default()
    }
}

fn operations(figures: &MonthsFigures) -> Section {
    let time = |spread: Option<&Spread>| {
        let describe = |us: f64| match us {
            us if us >= 1e4 => format!("{} ms", format::significant(us / 1e3)),
            us => format!("{} us", format::significant(us)),
        };
        spread.map_or(NONE.to_owned(), |own| own.describe(describe))
    };
    let rows = figures.operations.iter().map(|own| {
        let [whole, by_month] = &own.us;
        let ratio = whole
            .zip(*by_month)
            .map(|(whole, own)| own.median / whole.median);
        vec![
            own.name.clone(),
            time(whole.as_ref()),
            time(by_month.as_ref()),
            ratio.map_or(NONE.to_owned(), |ratio| {
                format!("{} x", format::significant(ratio))
            }),
        ]
    });
    Section {
        id: "operations".to_owned(),
        title: "Before and after".to_owned(),
        lead: "Medians of the rounds, with their range. In one table, a month is removed by deletions of 1,000 posts each; by month, \
               its partition is dropped."
            .to_owned(),
        blocks: vec![cells(
            &["operation", "one table", "by month", "by month / one table"],
            rows.collect(),
        )],
    }
}

fn plans(figures: &MonthsFigures) -> Section {
    Section {
        id: "plans".to_owned(),
        title: "Plans".to_owned(),
        lead: "What `EXPLAIN` says: partitions that are read, index, and estimated rows."
            .to_owned(),
        blocks: vec![cells(
            &["operation", "table", "partitions", "index", "rows"],
            figures.plans.iter().map(|row| row.to_vec()).collect(),
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::super::OperationFigures;
    use super::*;

    #[test]
    fn compares_both_tables() {
        let figures = MonthsFigures {
            started_at: String::new(),
            host: tenfold_probe::host::describe(),
            box_cpu: 0.5,
            unconfined_because: Some("no groups".to_owned()),
            posts_a_month: 10,
            quick: true,
            operations: vec![OperationFigures {
                name: "a post".to_owned(),
                us: [Spread::of([200.0]), Spread::of([50_000.0])],
            }],
            plans: vec![["a post", "posts_whole", "-", "PRIMARY", "1"].map(str::to_owned)],
            took_s: 1.0,
        };
        let text = page(&figures).markdown();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            text.contains("| a post | 200 us | 50.0 ms | 250 x |"),
            "{text}"
        );
        assert!(text.contains("no limits: no groups"), "{text}");
    }
}
