//! Tables with aligned columns, which are readable on a terminal too.

use super::escape::plain;

/// Renders a table. The first column is text.
pub(super) fn render(head: &[String], rows: &[Vec<String>]) -> String {
    let all: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows.iter().map(Vec::as_slice))
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let width = |column: usize| {
        let cells = all.iter().filter_map(|row| row.get(column));
        let widths = cells.map(|cell| cell.chars().count());
        widths.max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    // Figures are aligned to the right, text to the left.
    let is_left = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        column == 0 || !cells.all(|cell| is_figure(cell))
    };
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

/// Returns whether a cell is a number, or a placeholder for one.
fn is_figure(cell: &str) -> bool {
    let cell = cell.trim_start_matches(['+', '-', '−', '–', '<']);
    let is_short = cell.split(' ').count() <= 6;
    cell.is_empty() || is_short && cell.starts_with(|c: char| c.is_ascii_digit())
}
