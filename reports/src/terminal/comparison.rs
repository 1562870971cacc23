//! Several runs side by side.

use std::fmt::Write as _;

use tenfold_analysis::Comparison;

use super::clean;
use super::table::Table;
use crate::html::comparison_rows;

/// Renders several runs side by side as text: their figures, then what was not the same about them.
pub fn render_comparison(comparison: &Comparison) -> String {
    let names: Vec<String> = comparison.names.iter().map(|name| clean(name)).collect();
    let mut head = vec![""];
    head.extend(names.iter().map(String::as_str));
    let mut table = Table::new(&head);
    for (name, cells) in comparison_rows(comparison) {
        table.row(
            [name.to_owned()]
                .into_iter()
                .chain(cells.iter().map(|c| clean(c)))
                .collect(),
        );
    }
    let mut out = table.render();
    if comparison.differences.is_empty() {
        out.push_str("\nThe runs were the same but for when they ran.\n");
        return out;
    }
    out.push_str("\nNot the same in all runs:\n");
    for difference in &comparison.differences {
        let values: Vec<String> = difference.values.iter().map(|value| clean(value)).collect();
        let _ = writeln!(out, "  {}: {}", difference.what, values.join(" | "));
    }
    if comparison
        .differences
        .iter()
        .any(|difference| difference.different_question)
    {
        out.push_str("The runs answer different questions; compare their figures with care.\n");
    }
    out
}
