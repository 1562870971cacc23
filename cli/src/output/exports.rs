//! Exports of a finished run.

use std::fs::OpenOptions;
use std::io::Write;

use tenfold_analysis::Summary;
use tenfold_reports::run::formats::{RunExport, RunResults};
use tenfold_run_dir::Run;

use crate::exit::UsageError;
use crate::output::print;

/// Variable with the file that GitHub shows on the page of a job.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Checks, before anything is sent, that every export can be written, and that at most one document goes to
/// standard output. `json` says that the summary does.
pub(crate) fn check(exports: &[RunExport], json: bool) -> anyhow::Result<()> {
    let mut to_out = exports
        .iter()
        .filter(|export| export.is_to_standard_output());
    if let Some(first) = to_out.next() {
        let other = match (json, to_out.next()) {
            (true, _) => Some("--json".to_owned()),
            (false, Some(second)) => Some(format!("--export {second}")),
            (false, None) => None,
        };
        if let Some(other) = other {
            return Err(UsageError(format!(
                "--export {first} and {other} both write to standard output; give one of them a file"
            ))
            .into());
        }
    }
    exports.iter().try_for_each(RunExport::check)?;
    Ok(())
}

/// Returns whether one of the exports goes to standard output.
pub(crate) fn use_standard_output(exports: &[RunExport]) -> bool {
    exports.iter().any(RunExport::is_to_standard_output)
}

/// Writes every export, even if an earlier one fails.
///
/// # Errors
/// Returns the first error; further ones are printed.
pub(crate) fn write(exports: &[RunExport], run: &Run, summary: &Summary) -> anyhow::Result<()> {
    let mut first = None;
    for export in exports {
        match export.write(&RunResults { run, summary }) {
            Ok(_) if export.is_to_standard_output() => {}
            Ok(files) => {
                let Some((named, others)) = files.split_first() else {
                    continue;
                };
                let (format, named) = (export.format, named.display());
                match others.len() {
                    0 => print::note(&format!("{format}: {named}")),
                    others => print::note(&format!("{format}: {named} and {others} beside it")),
                }
            }
            Err(error) if export.is_to_standard_output() && print::is_unread(&error) => {}
            Err(error) if first.is_none() => first = Some(error),
            Err(error) => print::note(&format!("error: {error}")),
        }
    }
    first.map_or(Ok(()), |error| Err(error.into()))
}

/// Appends Markdown to the page of a GitHub job. Does nothing outside GitHub's runner.
///
/// A file that can't be written is reported, but is no error: it does not affect the result.
pub(crate) fn append_step_summary(markdown: &str) {
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else {
        return;
    };
    let appended = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{markdown}\n").as_bytes()));
    if let Err(error) = appended {
        print::note(&format!(
            "note: could not append the summary to {} (${STEP_SUMMARY}): {error}",
            path.display()
        ));
    }
}
