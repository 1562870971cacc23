//! What stands out in a run, and what to do about it.

mod box_held_back;
mod failures;
mod first_to_give;
mod hidden_wait;
mod server_lost;
mod stall;
mod unconfined;

use tenfold_run_dir::Run;

use crate::findings::first_to_give::FirstToGive;
use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::Summary;
use crate::summary::finding::Finding;
use crate::summary::verdict::{MeasurementVerdict, SloVerdict};
use crate::summary::window::Window;

/// Finds what stands out, the most important first.
pub(crate) fn findings(
    run: &Run,
    counted: &CountedLatencies,
    window: &Window,
    summary: &Summary,
) -> Vec<Finding> {
    let (somebody, first) = match first_to_give::first_to_give(run, window, summary) {
        Some(FirstToGive { somebody, finding }) => (somebody, Some(finding)),
        None => (false, None),
    };
    let mut found = Vec::new();
    found.extend(first.clone().filter(|_| somebody));
    if somebody {
        found.extend(box_held_back::box_held_back(run));
    }
    found.extend(server_lost::server_lost(run));
    found.extend(stall::stalls(run, counted, window));
    found.extend(failures::failures(summary));
    // Whoever stood still for a while gave out, even if all was made good afterwards.
    found.extend(first.filter(|_| !somebody && found.is_empty()));
    found.extend(hidden_wait::hidden_wait(summary));
    found.extend(unconfined::unconfined(run));
    found
}

/// Says what to do next, from the verdict and the most important finding.
pub(crate) fn next_step(summary: &Summary) -> String {
    let first = summary
        .findings
        .first()
        .map(|finding| finding.advice.clone());
    if summary.verdict.measurement == MeasurementVerdict::Invalid {
        let advice = first.unwrap_or_else(|| "Look at the reasons, and run it again.".to_owned());
        return format!("Don't quote these figures. {advice}");
    }
    if summary.verdict.slo == SloVerdict::Missed {
        let missed = summary.rules.iter().find(|rule| rule.met == Some(false));
        let rule = missed.map_or(String::new(), |rule| {
            format!(
                "Missed: `{}`, measured {}. ",
                rule.text.replace('`', "'"),
                rule.said()
            )
        });
        return format!("{rule}{}", first.unwrap_or_default());
    }
    let first = first.unwrap_or_else(|| "Raise the rate until something gives.".to_owned());
    if summary.verdict.measurement == MeasurementVerdict::Suspect {
        return format!("Remove what makes the figures suspect before you quote them. {first}");
    }
    first
}
