//! Prints what was found, and stores it in three files.

mod page;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::record::Record;

/// Writes `generator.json`, `generator.md` and `generator.html` into a folder, and prints the
/// second.
pub(crate) fn write(record: &Record, folder: &Path) -> anyhow::Result<()> {
    let page = page::page(record);
    let (markdown, json) = (
        page.markdown(),
        serde_json::to_string_pretty(record)? + "\n",
    );
    // Printed first: a disk that is full is no reason to lose what took an hour.
    let mut out = std::io::stdout().lock();
    let printed = out
        .write_all(markdown.as_bytes())
        .and_then(|()| out.flush());
    fs::create_dir_all(folder)
        .with_context(|| format!("could not make the folder {}", folder.display()))?;
    let files = [
        ("generator.json", json),
        ("generator.md", markdown),
        ("generator.html", page.html()),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    }
    match printed {
        // Whoever read it has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("could not print"),
    }
}
