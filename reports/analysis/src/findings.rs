//! Findings about a run, with a recommended action.

mod box_throttled;
mod component;
mod coordinated_omission;
mod failures;
mod hot_shard;
pub(crate) mod hot_spot;
pub(crate) mod in_flight_trend;
pub(crate) mod limit;
pub(crate) mod listen_queue;
mod load;
mod load_second;
mod overload;
mod overloaded_part;
mod own_failures;
mod parallelism;
mod quiet;
mod saturation;
mod server_down;
mod slow_under_load;
mod stall;
mod too_few_users;
mod unconfined;
mod waits_by_request;

use tenfold_run_dir::Run;

use crate::findings::load::Load;
use crate::findings::saturation::{Saturated, saturation};
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
    let load = Load::of(run, window);
    let stall = stall::stalls(run, counted, window);
    let mut found = Vec::new();
    found.extend(own_failures::own_failures(summary));
    found.extend(too_few_users::too_few_users(summary));
    // Requests that the generator failed to send say nothing about saturation.
    let is_known = !summary.generator_gave_out() && summary.too_few_users.is_none();
    let saturation = saturation(run, window, &load, summary).filter(|_| is_known);
    let mut saturated = saturation
        .as_ref()
        .map_or(Saturated::Nothing, |own| own.saturated);
    // A stall also slows the service down. An overload of the whole run needs no times.
    let mut parts = load.worst_overloads();
    parts.retain(|part| stall.is_none() || !part.is_slowdown());
    if saturated == Saturated::Service && load.is_overloaded_throughout() {
        parts.clear();
    }
    let part = overloaded_part::overloaded_part(run, &load, &parts);
    match part.filter(|_| is_known && saturated != Saturated::Generator) {
        Some(part) => {
            saturated = Saturated::Service;
            found.push(part);
        }
        None => {
            let whole = saturation
                .as_ref()
                .filter(|_| saturated != Saturated::Nothing);
            found.extend(whole.map(|own| own.finding.clone()));
        }
    }
    let is_slow = is_known && saturated == Saturated::Service;
    // Before the boxes: a bigger one does not help for long.
    let hot_shard = hot_shard::hot_shard(run);
    found.extend(hot_shard.as_ref().filter(|_| is_slow).cloned());
    found.extend(component::components(run, is_slow));
    if saturated != Saturated::Nothing {
        found.extend(box_throttled::box_throttled(run));
    }
    found.extend(server_down::server_down(run));
    found.extend(is_slow.then(|| listen_queue::listen_queue(run)).flatten());
    found.extend(stall);
    found.extend(failures::failures(summary));
    if is_known && saturated == Saturated::Nothing {
        found.extend(slow_under_load::slow_under_load(run, &load));
    }
    // A run with a stall or with failures is not reported as unsaturated.
    let unsaturated = saturation.filter(|_| saturated == Saturated::Nothing && found.is_empty());
    found.extend(unsaturated.map(|own| own.finding));
    found.extend(hot_shard.filter(|_| !is_slow));
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
