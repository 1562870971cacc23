//! Writing a finished run in the formats that were asked for.

use std::fs::OpenOptions;
use std::io::Write;

use tenfold_analysis::Summary;
use tenfold_reports::run::digest;
use tenfold_reports::run::formats::{RunExport, RunResults};
use tenfold_run_dir::Run;

use crate::exit::Misuse;
use crate::print;

/// The file that GitHub's runner shows on the page of a job.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Checks, before anything is sent, that every export has a place to go, and that one document at
/// most goes to standard output. `json` is whether the summary goes there.
pub(crate) fn check(exports: &[RunExport], json: bool) -> anyhow::Result<()> {
    let mut to_out = exports
        .iter()
        .filter(|export| export.is_to_standard_output());
    if let Some(first) = to_out.next() {
        let other = match (json, to_out.next()) {
            (true, _) => "--json".to_owned(),
            (false, Some(second)) => format!("--export {second}"),
            (false, None) => String::new(),
        };
        if !other.is_empty() {
            return Err(Misuse(format!(
                "--export {first} and {other} both write to standard output; give one of them a file"
            ))
            .into());
        }
    }
    exports.iter().try_for_each(RunExport::check)?;
    Ok(())
}

/// Whether an export has standard output for itself.
pub(crate) fn take_output(exports: &[RunExport]) -> bool {
    exports.iter().any(RunExport::is_to_standard_output)
}

/// Writes every export, those after one that failed too; the first error is returned.
pub(crate) fn write(exports: &[RunExport], run: &Run, summary: &Summary) -> anyhow::Result<()> {
    let mut first = None;
    for export in exports {
        match export.write(&RunResults { run, summary }) {
            Ok(_) if export.is_to_standard_output() => {}
            Ok(files) => {
                let Some((named, beside)) = files.split_first() else {
                    continue;
                };
                let (format, named) = (export.format, named.display());
                match beside.len() {
                    0 => print::note(&format!("{format}: {named}")),
                    others => print::note(&format!("{format}: {named} and {others} beside it")),
                }
            }
            Err(error) if first.is_none() => first = Some(error),
            Err(error) => print::note(&format!("error: {error}")),
        }
    }
    first.map_or(Ok(()), |error| Err(error.into()))
}

/// Appends the summary to the page of a job, where GitHub's runner names its file.
///
/// A file that can't be written is told and is no failure: the run is what was asked for.
pub(crate) fn step_summary(summary: &Summary) {
    to_step_summary(&digest(summary).markdown());
}

/// Does what [`step_summary`] does, with a text that is Markdown already.
pub(crate) fn to_step_summary(text: &str) {
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else {
        return;
    };
    let appended = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()));
    if let Err(error) = appended {
        print::note(&format!(
            "note: could not append the summary to {} (${STEP_SUMMARY}): {error}",
            path.display()
        ));
    }
}
