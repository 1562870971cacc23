//! The page in Markdown, with columns that line up, so that it reads well in a terminal too.

use crate::document::{Block, Document, Table};

/// The width beyond which a column holds words, not figures.
const LONGEST_FIGURE: usize = 30;

impl Document {
    /// Renders the page without its curves, whose figures its tables hold.
    pub fn markdown(&self) -> String {
        let mut parts = vec![format!("# {}", self.title), self.lead.clone()];
        for section in &self.sections {
            parts.push(format!("## {}", section.title));
            parts.push(section.lead.clone());
            for block in &section.blocks {
                match block {
                    Block::Text(text) => parts.push(text.clone()),
                    Block::Table(table) => parts.push(rows(table)),
                    Block::Curves(_) => {}
                }
            }
        }
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n") + "\n"
    }
}

fn rows(table: &Table) -> String {
    let escaped = |row: &Vec<String>| -> Vec<String> {
        row.iter()
            .map(|cell| {
                cell.replace('<', "&lt;")
                    .replace('|', "\\|")
                    .replace('\n', " ")
            })
            .collect()
    };
    let all: Vec<Vec<String>> = [&table.head]
        .into_iter()
        .chain(&table.rows)
        .map(escaped)
        .collect();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(3)
    };
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    // Figures line up on the right, names and sentences on the left.
    let is_left = |column: usize| column == 0 || widths[column] > LONGEST_FIGURE;
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match is_left(column) {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let end = if is_left(column) { "-" } else { ":" };
        format!("-{}{end}", "-".repeat(*width))
    });
    let rule = format!("|{}|", rule.collect::<Vec<_>>().join("|"));
    let mut lines: Vec<String> = all.iter().map(line).collect();
    lines.insert(1, rule);
    lines.join("\n")
}
