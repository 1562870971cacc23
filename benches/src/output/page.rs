//! Sections and formats that several pages share.

use tenfold_analysis::format;
use tenfold_reports::document::{Block, Section, Table as Cells};

use crate::output::goal::Goal;

/// Placeholder for a missing figure.
pub(crate) const NONE: &str = "–";

/// Load average above which a machine counts as busy.
pub(crate) const BUSY: f64 = 0.7;

/// Returns the section of goals.
pub(crate) fn goals(goals: &[Goal]) -> Section {
    let rows = goals.iter().map(|goal| {
        vec![
            goal.asked.clone(),
            goal.measured.clone(),
            goal.outcome().to_owned(),
        ]
    });
    Section {
        id: "goals".to_owned(),
        title: "Goals".to_owned(),
        lead: String::new(),
        blocks: vec![cells(&["asked", "measured", "outcome"], rows.collect())],
    }
}

/// Returns a table of text.
pub(crate) fn cells(head: &[&str], rows: Vec<Vec<String>>) -> Block {
    Block::Table(Cells::new(head, rows))
}

/// Formats bytes as megabytes.
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{} MB", format::significant(bytes / 1e6))
}
