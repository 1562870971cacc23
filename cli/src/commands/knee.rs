//! `tenfold knee`: find the highest rate that a service sustains.

mod builds;

use tenfold_analysis::knee::End;
use tenfold_reports::knee::{digest, page};
use tenfold_run_dir::RunDir;

use crate::arguments::knee::KneeArguments;
use crate::exit::Exit;
use crate::output::print;
use crate::trials::knee_loads::search_with_loads;
use crate::trials::with_trials;

/// File with the answer.
const ANSWER: &str = "knee.json";

/// Finds the knee.
pub(crate) fn knee(arguments: &KneeArguments) -> anyhow::Result<Exit> {
    let search = &arguments.search;
    let goal = arguments.goal();
    if arguments.builds.baseline.is_some() || arguments.builds.candidate.is_some() {
        return builds::compare(arguments, goal);
    }
    let ((found, is_interrupted), path) = with_trials(search, ("knee", ANSWER), |trials| {
        if let Some(pins) = trials.service().pins() {
            print::note(&format!(
                "note: this stage scales, so the knee depends on the boxes of each trial; {pins} fixes their number"
            ));
        }
        let found = search_with_loads(trials, goal)?;
        Ok((found, trials.is_interrupted()))
    })?;
    let directory = RunDir::open(&path);
    directory.write_bytes("report.html", page(&found).html().as_bytes())?;
    directory.write_json(ANSWER, &found)?;
    match search.json {
        true => print::json(&found)?,
        false => print::out(&digest(&found).terminal(print::colour()))?,
    }
    print::note(&format!("report: {}", path.join("report.html").display()));
    Ok(match found.answer.end {
        // The answer is complete, but the runs beside it are not.
        _ if is_interrupted => Exit::Interrupted,
        End::Confirmed => Exit::Met,
        End::LowestRate => Exit::SloMissed,
        End::Stopped => Exit::Interrupted,
        End::OutOfTime | End::Generator | End::HighestRate => Exit::Inconclusive,
    })
}
