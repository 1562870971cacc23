//! `tenfold report`: render one run, compare several, or list all runs below a directory.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tenfold_analysis::compare;
use tenfold_reports::index;
use tenfold_run_dir::{Run, RunDir};

use crate::arguments::report::ReportArguments;
use crate::exit::{Exit, UsageError};
use crate::output::run_report::{RunReport, write_html};
use crate::output::{exports, open, print};

/// Renders run directories.
pub(crate) fn report(arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let output = &arguments.output;
    exports::check(&output.export, output.json)?;
    let page = match &arguments.index {
        Some(directory) => report_index(directory, arguments)?,
        None => report_runs(arguments)?,
    };
    if arguments.open {
        open::open(&page);
    }
    // Rendering succeeds for any verdict of the run.
    Ok(Exit::Met)
}

/// Renders one run or compares several. Returns the page.
fn report_runs(arguments: &ReportArguments) -> anyhow::Result<PathBuf> {
    let output = &arguments.output;
    let runs: Vec<Run> = arguments
        .runs
        .iter()
        .map(|path| RunDir::open(path).read())
        .collect::<Result<_, _>>()?;
    if let [run] = runs.as_slice() {
        let report = RunReport {
            html: arguments.out.as_deref(),
            json: output.json,
            exports: &output.export,
            trace_url: output.trace_url.as_ref(),
        };
        let (_, page) = report.publish(run)?;
        return Ok(page);
    }
    refuse_exports(arguments)?;
    let path = arguments.out.clone();
    let path = path.unwrap_or_else(|| PathBuf::from("comparison.html"));
    compare_runs(&runs, &path, output.json)?;
    Ok(path)
}

/// Compares runs, writes the page, and prints the differences.
pub(crate) fn compare_runs(runs: &[Run], page: &Path, json: bool) -> anyhow::Result<()> {
    let comparison = compare(runs);
    let document = tenfold_reports::comparison::comparison(&comparison);
    write_html(page, &document.html())?;
    match json {
        true => print::json(&comparison)?,
        false => print::out(&document.terminal(print::colour()))?,
    }
    print::note(&format!("report: {}", page.display()));
    Ok(())
}

/// Lists the runs below a directory. Returns the page.
fn report_index(directory: &Path, arguments: &ReportArguments) -> anyhow::Result<PathBuf> {
    refuse_exports(arguments)?;
    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => directory.join("index.html"),
    };
    let beside = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let index = index::read(directory, beside)
        .with_context(|| format!("could not read the directory {}", directory.display()))?;
    let document = index::page(&index);
    write_html(&path, &document.html())?;
    match arguments.output.json {
        true => print::json(&index)?,
        false => print::out(&document.terminal(print::colour()))?,
    }
    print::note(&format!("index: {}", path.display()));
    Ok(path)
}

fn refuse_exports(arguments: &ReportArguments) -> anyhow::Result<()> {
    if arguments.output.export.is_empty() {
        return Ok(());
    }
    Err(UsageError(
        "--export writes a single run; give one run, or merge the runs of several generators \
         with `tenfold merge`"
            .to_owned(),
    )
    .into())
}
