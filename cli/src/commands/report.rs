//! `tenfold report`: render one run, or compare several.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tenfold_analysis::{compare, summarise};
use tenfold_run_dir::{Run, RunDir, write_atomic};

use crate::cli::ReportArguments;
use crate::exit::{Exit, Misuse};
use crate::{exports, print};

/// Renders from run directories alone.
pub(crate) fn report(arguments: &ReportArguments) -> anyhow::Result<Exit> {
    exports::check(&arguments.export, arguments.json)?;
    let runs: Vec<Run> = arguments
        .runs
        .iter()
        .map(|path| RunDir::open(path).read())
        .collect::<Result<_, _>>()?;
    match runs.as_slice() {
        [run] => report_one(run, arguments),
        [_, _, ..] if !arguments.export.is_empty() => Err(Misuse(
            "--export writes one run; name one, or make one of several generators' with tenfold merge"
                .to_owned(),
        )
        .into()),
        several => report_several(several, arguments),
    }
}

fn report_one(run: &Run, arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let summary = summarise(run);
    let html = tenfold_reports::run::page(run, &summary).html();
    let out = match &arguments.out {
        Some(out) => write(out, &html)?,
        None => {
            let run_dir = RunDir::open(&run.path);
            run_dir.write_json("summary.json", &summary)?;
            run_dir.write_bytes("report.html", html.as_bytes())?;
            run_dir.file("report.html")
        }
    };
    if arguments.json {
        print::json(&summary)?;
    } else {
        print::summary(&summary, exports::take_output(&arguments.export))?;
    }
    print::note(&format!("report: {}", out.display()));
    exports::step_summary(&summary);
    exports::write(&arguments.export, run, &summary)?;
    // It rendered what it was asked to, whatever the run came to.
    Ok(Exit::Met)
}

fn report_several(runs: &[Run], arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let comparison = compare(runs);
    let document = tenfold_reports::comparison::comparison(&comparison);
    let html = document.html();
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("comparison.html"));
    let out = write(&out, &html)?;
    if arguments.json {
        print::json(&comparison.summaries)?;
    } else {
        print::out(&document.terminal(print::colour()))?;
    }
    print::note(&format!("report: {}", out.display()));
    Ok(Exit::Met)
}

fn write(path: &Path, html: &str) -> anyhow::Result<PathBuf> {
    write_atomic(path, html.as_bytes())
        .with_context(|| format!("could not write {}", path.display()))?;
    Ok(path.to_owned())
}
