//! Findings about a run, with a recommended action.

mod box_throttled;
mod coordinated_omission;
mod failures;
mod own_failures;
mod saturation;
mod server_down;
mod stall;
mod too_few_users;
mod unconfined;

use tenfold_run_dir::Run;

use crate::findings::saturation::{Saturation, saturation};
use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::Summary;
use crate::summary::finding::Finding;
use crate::summary::verdict::{MeasurementVerdict, SloVerdict};
use crate::summary::window::Window;

/// Returns the findings about a run, the most important first.
pub(crate) fn findings(
    run: &Run,
    counted: &CountedLatencies,
    window: &Window,
    summary: &Summary,
) -> Vec<Finding> {
    let (saturated, saturation) = match saturation(run, window, summary) {
        Some(Saturation { saturated, finding }) => (saturated, Some(finding)),
        None => (false, None),
    };
    let mut found = Vec::new();
    found.extend(own_failures::own_failures(summary));
    found.extend(too_few_users::too_few_users(summary));
    // Requests that the generator failed to send say nothing about saturation.
    let (saturated, saturation) =
        match summary.generator_gave_out() || summary.too_few_users.is_some() {
            true => (false, None),
            false => (saturated, saturation),
        };
    found.extend(saturation.clone().filter(|_| saturated));
    if saturated {
        found.extend(box_throttled::box_throttled(run));
    }
    found.extend(server_down::server_down(run));
    found.extend(stall::stalls(run, counted, window));
    found.extend(failures::failures(summary));
    // A run with a stall or with failures is not reported as unsaturated.
    found.extend(saturation.filter(|_| !saturated && found.is_empty()));
    found.extend(coordinated_omission::coordinated_omission(summary));
    found.extend(unconfined::unconfined(run));
    found
}

/// Returns the recommended next step, from the verdict and the most important finding.
pub(crate) fn next_step(summary: &Summary) -> String {
    let first = summary
        .findings
        .first()
        .map(|finding| finding.advice.clone());
    if summary.verdict.measurement == MeasurementVerdict::Invalid {
        let advice = first.unwrap_or_else(|| "Read the reasons and repeat the run.".to_owned());
        return format!("Do not quote these figures. {advice}");
    }
    if summary.verdict.slo == SloVerdict::Missed {
        let missed = summary.rules.iter().find(|rule| rule.met == Some(false));
        let rule = missed.map_or(String::new(), |rule| {
            format!(
                "Missed: `{}`, measured {}. ",
                rule.text.replace('`', "'"),
                rule.measured_text()
            )
        });
        // Failures, not saturation, miss an objective on errors.
        let of_errors = missed
            .filter(|rule| rule.text.trim_start().starts_with("errors"))
            .and_then(|_| failures::failures(summary));
        let advice = of_errors.map(|finding| finding.advice).or(first);
        return format!("{rule}{}", advice.unwrap_or_default());
    }
    let first = first.unwrap_or_else(|| "Raise the rate until the service saturates.".to_owned());
    if summary.verdict.measurement == MeasurementVerdict::Suspect {
        return format!("Fix the cause of the suspect figures before you quote them. {first}");
    }
    first
}
