//! Report of a finished run: files, standard output and exports.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tenfold_analysis::{Summary, summarise};
use tenfold_reports::TraceUrl;
use tenfold_reports::run::formats::RunExport;
use tenfold_reports::run::{digest, page};
use tenfold_run_dir::{Run, RunDir, write_atomic};

use crate::output::{exports, print};

/// Destinations of a run's report.
pub(crate) struct RunReport<'a> {
    /// HTML file. `None` for `report.html` in the run directory, with `summary.json` beside it.
    pub(crate) html: Option<&'a Path>,
    /// Prints the summary as JSON instead of text.
    pub(crate) json: bool,
    /// Further formats.
    pub(crate) exports: &'a [RunExport],
    /// Viewer that the page links trace ids to. `None` for no links.
    pub(crate) trace_url: Option<&'a TraceUrl>,
}

impl RunReport<'_> {
    /// Summarises a run and writes its report everywhere. Returns the summary and the HTML file.
    ///
    /// Files come first, because a terminal may stop reading. Results are printed although a disk is full.
    pub(crate) fn publish(&self, run: &Run) -> anyhow::Result<(Summary, PathBuf)> {
        let summary = summarise(run);
        let html = self.write_html(run, &summary);
        if self.json {
            print::json(&summary)?;
        } else {
            print::summary(&summary, exports::use_standard_output(self.exports))?;
        }
        let html = html?;
        print::note(&format!("report: {}", html.display()));
        exports::append_step_summary(&digest(&summary).markdown());
        exports::write(self.exports, run, &summary)?;
        Ok((summary, html))
    }

    /// Writes the HTML file, and the summary beside it. Returns its path.
    pub(crate) fn write_html(&self, run: &Run, summary: &Summary) -> anyhow::Result<PathBuf> {
        let html = page(run, summary).linking_traces(self.trace_url).html();
        match self.html {
            Some(path) => {
                write_html(path, &html)?;
                Ok(path.to_owned())
            }
            None => {
                let run_dir = RunDir::open(&run.path);
                run_dir.write_json("summary.json", summary)?;
                run_dir.write_bytes("report.html", html.as_bytes())?;
                Ok(run_dir.file("report.html"))
            }
        }
    }
}

/// Writes an HTML page.
pub(crate) fn write_html(path: &Path, html: &str) -> anyhow::Result<()> {
    write_atomic(path, html.as_bytes())
        .with_context(|| format!("could not write {}", path.display()))
}
