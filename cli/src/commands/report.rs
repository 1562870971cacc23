//! `tenfold report`: render one run, or compare several.

use std::path::Path;

use tenfold_analysis::compare;
use tenfold_run_dir::{Run, RunDir};

use crate::arguments::report::ReportArguments;
use crate::exit::{Exit, UsageError};
use crate::output::run_report::{RunReport, write_html};
use crate::output::{exports, print};

/// Renders run directories.
pub(crate) fn report(arguments: &ReportArguments) -> anyhow::Result<Exit> {
    let output = &arguments.output;
    exports::check(&output.export, output.json)?;
    let runs: Vec<Run> = arguments
        .runs
        .iter()
        .map(|path| RunDir::open(path).read())
        .collect::<Result<_, _>>()?;
    match runs.as_slice() {
        [run] => {
            let report = RunReport {
                html: arguments.out.as_deref(),
                json: output.json,
                exports: &output.export,
            };
            report.publish(run)?;
        }
        [_, _, ..] if !output.export.is_empty() => {
            return Err(UsageError(
                "--export writes a single run; give one run, or merge the runs of several generators \
                 with `tenfold merge`"
                    .to_owned(),
            )
            .into());
        }
        several => report_comparison(several, arguments)?,
    }
    // Rendering succeeds for any verdict of the run.
    Ok(Exit::Met)
}

fn report_comparison(runs: &[Run], arguments: &ReportArguments) -> anyhow::Result<()> {
    let comparison = compare(runs);
    let default = Path::new("comparison.html");
    let path = arguments.out.as_deref().unwrap_or(default);
    let document = tenfold_reports::comparison::comparison(&comparison);
    write_html(path, &document.html())?;
    if arguments.output.json {
        print::json(&comparison.summaries)?;
    } else {
        print::out(&document.terminal(print::colour()))?;
    }
    print::note(&format!("report: {}", path.display()));
    Ok(())
}
