//! Output of a benchmark: a page on standard output, and three files.

pub(crate) mod goal;
pub(crate) mod page;
pub(crate) mod spread;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenfold_reports::document::Document;

/// Prints a page as Markdown, and writes `NAME.json`, `NAME.md` and `NAME.html` into a directory.
pub(crate) fn write(
    name: &str,
    page: &Document,
    found: &impl Serialize,
    folder: &Path,
) -> anyhow::Result<()> {
    // Print first: a full disk should not lose an hour of measurements.
    let mut out = std::io::stdout().lock();
    let printed = out
        .write_all(page.markdown().as_bytes())
        .and_then(|()| out.flush());
    fs::create_dir_all(folder)
        .with_context(|| format!("could not create the directory {}", folder.display()))?;
    write_file(
        folder.join(format!("{name}.json")),
        serde_json::to_string_pretty(found)? + "\n",
    )?;
    write_pages(name, page, folder)?;
    match printed {
        // The reader, such as `head`, has closed the pipe.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("could not write to standard output"),
    }
}

/// Writes a page as `NAME.md` and `NAME.html` into a directory.
pub(crate) fn write_pages(name: &str, page: &Document, folder: &Path) -> anyhow::Result<()> {
    write_file(folder.join(format!("{name}.md")), page.markdown())?;
    write_file(folder.join(format!("{name}.html")), page.html())
}

fn write_file(path: PathBuf, text: String) -> anyhow::Result<()> {
    fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))
}

/// Reads the figures of a benchmark, `NAME.json` in a directory.
pub(crate) fn read<F: DeserializeOwned>(name: &str, folder: &Path) -> anyhow::Result<F> {
    let path = folder.join(format!("{name}.json"));
    let text =
        fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not from this version; measure again", path.display()))
}
