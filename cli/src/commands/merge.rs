//! `tenfold merge`: merge the runs of several generators into one.

use std::time::SystemTime;

use anyhow::Context as _;
use tenfold_analysis::merge as merge_runs;
use tenfold_run_dir::{Run, RunDir, merge_intervals};

use crate::arguments::merge::MergeArguments;
use crate::exit::Exit;
use crate::output::exports;
use crate::output::run_report::RunReport;

/// Merges run directories into a new one, and reports on it as on any run.
pub(crate) fn merge(arguments: &MergeArguments) -> anyhow::Result<Exit> {
    let output = &arguments.output;
    exports::check(&output.export, output.json)?;
    let parts: Vec<Run> = arguments
        .runs
        .iter()
        .map(|path| RunDir::open(path).read())
        .collect::<Result<_, _>>()?;
    let merged = merge_runs(&parts)?;
    let started_at = &merged.manifest.started_at;
    let base = started_at
        .parse::<jiff::Timestamp>()
        .and_then(SystemTime::try_from)
        .with_context(|| format!("could not parse the start of the runs, {started_at}"))?;
    let path = arguments.out.clone().unwrap_or_else(|| {
        let name = format!("{}-merged", merged.manifest.scenario);
        tenfold_measure::default_path("runs", &name)
    });
    let run_dir = RunDir::create(&path)?;
    let logs = parts
        .iter()
        .map(|part| RunDir::open(&part.path).intervals(&part.counts))
        .collect::<Result<Vec<_>, _>>()?;
    let run = run_dir.write_merged(merged, &parts, merge_intervals(logs), base)?;
    let report = RunReport {
        html: None,
        json: output.json,
        exports: &output.export,
        trace_url: arguments.output.trace_url.as_ref(),
    };
    let (summary, _) = report.publish(&run)?;
    Ok(Exit::of(&summary, &run.counts))
}
