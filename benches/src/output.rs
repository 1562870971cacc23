//! Prints what was found, and stores it in three files.

mod gate_page;
mod page;
mod stages_page;

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use tenfold_reports::document::Document;

use crate::gate::Figures;
use crate::record::Record;
use crate::stages::StagesFigures;

/// Writes `generator.json`, `generator.md` and `generator.html` into a folder, and prints the
/// second.
pub(crate) fn generator(record: &Record, folder: &Path) -> anyhow::Result<()> {
    write("generator", &page::page(record), record, folder)
}

/// Writes `gate.json`, `gate.md` and `gate.html` into a folder, and prints the second.
pub(crate) fn gate(figures: &Figures, folder: &Path) -> anyhow::Result<()> {
    write("gate", &gate_page::page(figures), figures, folder)
}

/// Writes `stages.json`, `stages.md` and `stages.html` into a folder, and prints the second.
pub(crate) fn stages(figures: &StagesFigures, folder: &Path) -> anyhow::Result<()> {
    write("stages", &stages_page::page(figures), figures, folder)
}

fn write(name: &str, page: &Document, found: &impl Serialize, folder: &Path) -> anyhow::Result<()> {
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
