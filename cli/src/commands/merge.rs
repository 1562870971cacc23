//! `tenfold merge`: make one run of what several generators sent.

use std::time::SystemTime;

use anyhow::Context as _;
use tenfold_analysis::{merge as merge_runs, merge_intervals, summarise};
use tenfold_run_dir::{Run, RunDir};

use crate::cli::MergeArguments;
use crate::commands::run::default_path;
use crate::exit::Exit;
use crate::{exports, print};

/// Merges run directories into a new one, and reports on it as on any run.
pub(crate) fn merge(arguments: &MergeArguments) -> anyhow::Result<Exit> {
    exports::check(&arguments.export, arguments.json)?;
    let parts: Vec<Run> = arguments
        .runs
        .iter()
        .map(|path| RunDir::open(path).read())
        .collect::<Result<_, _>>()?;
    let merged = merge_runs(&parts)?;
    let began = &merged.manifest.started_at;
    let base = began
        .parse::<jiff::Timestamp>()
        .and_then(SystemTime::try_from)
        .with_context(|| format!("could not read the time at which the runs began, {began}"))?;
    let path = arguments
        .out
        .clone()
        .unwrap_or_else(|| default_path("runs", &format!("{}-merged", merged.manifest.scenario)));
    let run_dir = RunDir::create(&path)?;
    let logs = parts
        .iter()
        .map(|part| RunDir::open(&part.path).intervals(&part.counts))
        .collect::<Result<Vec<_>, _>>()?;
    let run = run_dir.write_merged(merged, &parts, merge_intervals(logs), base)?;
    let summary = summarise(&run);
    run_dir.write_json("summary.json", &summary)?;
    let html = tenfold_reports::run::page(&run, &summary).html();
    run_dir.write_bytes("report.html", html.as_bytes())?;
    if arguments.json {
        print::json(&summary)?;
    } else {
        print::summary(&summary, exports::take_output(&arguments.export))?;
    }
    let report = run_dir.file("report.html");
    print::note(&format!("report: {}", report.display()));
    exports::step_summary(&summary);
    exports::write(&arguments.export, &run, &summary)?;
    Ok(Exit::of(&summary, &run.counts))
}
