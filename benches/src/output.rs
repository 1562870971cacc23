//! Output of a benchmark: a page on standard output, and three files.

pub(crate) mod goal;
pub(crate) mod page;
pub(crate) mod spread;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tenfold_reports::document::Document;

/// Prints a page as Markdown, and writes `NAME.json`, `NAME.md` and `NAME.html` into a directory.
pub(crate) fn write(
    name: &str,
    page: &Document,
    found: &impl Serialize,
    folder: &Path,
) -> anyhow::Result<()> {
    let (markdown, json) = (page.markdown(), serde_json::to_string_pretty(found)? + "\n");
    // Print first: a full disk should not lose an hour of measurements.
    let mut out = std::io::stdout().lock();
    let printed = out
        .write_all(markdown.as_bytes())
        .and_then(|()| out.flush());
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create the directory {}", folder.display()))?;
    let files = [("json", json), ("md", markdown), ("html", page.html())];
    for (extension, text) in files {
        let path = folder.join(format!("{name}.{extension}"));
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    match printed {
        // The reader, such as `head`, has closed the pipe.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("could not write to standard output"),
    }
}
