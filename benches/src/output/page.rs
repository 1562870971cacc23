//! What all pages share.

use tenfold_analysis::words;
use tenfold_reports::document::{Block, Section, Table as Cells};

use crate::output::bar::Bar;

/// What stands where there is no figure.
pub(crate) const NONE: &str = "–";

/// The load average above which a machine has something else to do.
pub(crate) const BUSY: f64 = 0.7;

/// What is asked, and whether it is met.
pub(crate) fn bars(bars: &[Bar]) -> Section {
    let rows = bars.iter().map(|bar| {
        vec![
            bar.asked.clone(),
            bar.measured.clone(),
            bar.outcome().to_owned(),
        ]
    });
    Section {
        id: "bars".to_owned(),
        title: "What is asked, and whether it is met".to_owned(),
        lead: String::new(),
        blocks: vec![cells(&["asked", "measured", "outcome"], rows.collect())],
    }
}

/// A table of text.
pub(crate) fn cells(head: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table(Cells {
        head: head.iter().map(|name| (*name).to_owned()).collect(),
        rows,
    })
}

/// Says bytes in millions, as the bar counts them.
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{} MB", words::significant(bytes / 1e6))
}
