//! `summary.json`.

use tenfold_analysis::Summary;

/// Renders a summary as one indented JSON document that ends in a line break.
///
/// # Errors
/// Never for a summary that analysis made; numbers that JSON has no way to write become `null`.
pub fn render(summary: &Summary) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(summary).map(|text| text + "\n")
}
