//! Writing a finished run in the formats that were asked for.

use std::fs::OpenOptions;
use std::io::Write;

use tenfold_analysis::Summary;
use tenfold_reports::export::Export;
use tenfold_run_dir::Run;

use crate::print;

/// The file that GitHub's runner shows on the page of a job.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Checks, before anything is sent, that every export has a place to go.
pub(crate) fn check(exports: &[Export]) -> anyhow::Result<()> {
    exports.iter().try_for_each(Export::check)?;
    Ok(())
}

/// Writes every export, those after one that failed too; the first error is returned.
pub(crate) fn write(exports: &[Export], run: &Run, summary: &Summary) -> anyhow::Result<()> {
    let mut first = None;
    for export in exports {
        match export.write(run, summary) {
            Ok(files) => {
                let beside = match files.len() {
                    0 => "nothing was answered, so there is none".to_owned(),
                    1 => files[0].display().to_string(),
                    several => format!("{} and {} beside it", files[0].display(), several - 1),
                };
                print::note(&format!("{}: {beside}", export.format));
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
    let Some(path) = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty()) else {
        return;
    };
    let text = tenfold_reports::markdown::render(summary);
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
