//! Standard output and standard error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::Context as _;
use rustix::fs::FileType;
use rustix::io::Errno;
use serde::Serialize;
use tenfold_analysis::Summary;
use tenfold_reports::export::ExportError;
use tenfold_reports::run::digest;

/// Writes text to standard output. A closed pipe, or a terminal that has gone, is not an error.
pub(crate) fn out(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if !has_lost_reader(&error) => {
            Err(error).context("could not write to standard output")
        }
        _ => Ok(()),
    }
}

/// Returns whether writing to standard output failed because nobody reads it any more.
///
/// A terminal that has gone fails as a broken disk does, so the kind of file decides.
fn has_lost_reader(error: &io::Error) -> bool {
    let is_terminal = || {
        rustix::fs::fstat(io::stdout())
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice)
    };
    error.kind() == ErrorKind::BrokenPipe
        || (Errno::from_io_error(error) == Some(Errno::IO) && is_terminal())
}

/// Returns whether an export to standard output failed because nobody reads it any more.
pub(crate) fn is_unread(error: &ExportError) -> bool {
    matches!(error, ExportError::Write { source, .. } if has_lost_reader(source))
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
    let _ = writeln!(io::stderr(), "{line}");
}

/// Returns whether standard output supports colour.
pub(crate) fn colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}
