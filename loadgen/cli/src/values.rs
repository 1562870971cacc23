//! How the values of flags are read.

use std::time::Duration;

use tenfold_reports::export::{Export, ExportError};
use tenfold_scenarios::{Rate, parse_duration};

/// Reads a rate such as `500/s` or `40k/s`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    text.parse()
        .map_err(|error: tenfold_scenarios::UnitError| error.to_string())
}

/// Reads a duration such as `500ms`, `90s` or `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Reads an export such as `csv=times.csv` or `junit`.
pub(crate) fn export(text: &str) -> Result<Export, String> {
    text.parse().map_err(|error: ExportError| error.to_string())
}
