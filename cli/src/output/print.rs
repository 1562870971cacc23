//! Standard output and standard error.

use std::io::{IsTerminal, Write};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_analysis::Summary;
use tenfold_reports::run::digest;

/// Writes text to standard output. A closed pipe is not an error.
pub(crate) fn out(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("could not write to standard output")
        }
        _ => Ok(()),
    }
}

/// Writes one JSON document to standard output.
pub(crate) fn json(document: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    out(&text)
}

/// Writes a summary as text to standard output, or to standard error if `out_in_use`.
pub(crate) fn summary(summary: &Summary, out_in_use: bool) -> anyhow::Result<()> {
    if out_in_use {
        note(digest(summary).terminal(false).trim_end());
        return Ok(());
    }
    out(&digest(summary).terminal(colour()))
}

/// Writes a line to standard error.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Returns whether standard output supports colour.
pub(crate) fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}
