//! JSON: `summary.json`, `gate.json`, and the trends of a history.

use serde::Serialize;

/// Renders a value as indented JSON that ends in a line break.
///
/// # Errors
/// Never for results of analysis. Numbers that JSON can't represent become `null`.
pub fn render(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|text| text + "\n")
}
