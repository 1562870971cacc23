//! Standard output and standard error.

use std::io::{IsTerminal, Write};

use anyhow::Context as _;
use serde::Serialize;
use tenfold_analysis::Summary;
use tenfold_reports::run::digest;

/// Writes text to standard output. A reader that has gone away is no error.
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

/// Writes a summary for people: to standard output, or to standard error where that is taken.
pub(crate) fn summary(summary: &Summary, is_taken: bool) -> anyhow::Result<()> {
    if is_taken {
        note(digest(summary).terminal(false).trim_end());
        return Ok(());
    }
    out(&digest(summary).terminal(colour()))
}

/// Writes a line to standard error.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Tells whether standard output takes colour.
pub(crate) fn colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}
