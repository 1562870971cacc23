//! `gate.json`.

use tenfold_analysis::gate::GateOutcome;

/// Renders what came of a gate as one indented JSON document that ends in a line break.
///
/// # Errors
/// Never for an outcome that a gate made; numbers that JSON has no way to write become `null`.
pub fn render(outcome: &GateOutcome) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(outcome).map(|text| text + "\n")
}
