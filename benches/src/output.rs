//! Prints what was found, and stores it in three files.

pub(crate) mod bar;
pub(crate) mod page;
pub(crate) mod spread;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tenfold_reports::document::Document;

/// Writes `NAME.json`, `NAME.md` and `NAME.html` into a folder, and prints the second.
pub(crate) fn write(
    name: &str,
    page: &Document,
    found: &impl Serialize,
    folder: &Path,
) -> anyhow::Result<()> {
    let (markdown, json) = (page.markdown(), serde_json::to_string_pretty(found)? + "\n");
    // Printed first: a disk that is full is no reason to lose what took an hour.
    let mut out = std::io::stdout().lock();
    let printed = out
        .write_all(markdown.as_bytes())
        .and_then(|()| out.flush());
    fs::create_dir_all(folder)
        .with_context(|| format!("could not make the folder {}", folder.display()))?;
    let files = [("json", json), ("md", markdown), ("html", page.html())];
    for (extension, text) in files {
        let path = folder.join(format!("{name}.{extension}"));
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    match printed {
        // Whoever read it has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("could not print"),
    }
}
