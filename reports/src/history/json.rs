//! A history's trends as JSON.

use serde::Serialize;
use tenfold_analysis::history::{Problem, Trends};

/// What the document holds.
#[derive(Serialize)]
struct Document<'a> {
    /// The trends and when a change counted.
    history: &'a Trends,
    /// The lines of the file that are skipped.
    problems: &'a [Problem],
}

/// Renders the trends of a history, and the lines that are skipped, as one indented JSON document that ends
/// in a line break.
///
/// # Errors
/// Never for trends that analysis made.
pub fn render(trends: &Trends, problems: &[Problem]) -> Result<String, serde_json::Error> {
    let document = Document {
        history: trends,
        problems,
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}
