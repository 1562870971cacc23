//! Judges a run: the validity of the measurement, and the objectives.

mod clocks;
mod gaps;
mod generator;
mod host;
mod objection;
mod objective_windows;
mod outcomes;
mod own_failures;
mod parts;
mod possible;
mod rules;

use tenfold_run_dir::Run;

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::Summary;
use crate::summary::verdict::{MeasurementVerdict, SloVerdict, Verdict};
use crate::verdict::clocks::clocks;
use crate::verdict::generator::{lag, lag_in_the_tail, shortfall};
use crate::verdict::host::{busy_host, noisy_host};
use crate::verdict::objection::{Objection, invalid, suspect};
use crate::verdict::own_failures::{own_failures, scenario_failures, too_few_users};
use crate::verdict::parts::{missing_share, not_together, parts};

pub(crate) use gaps::objective_gaps;
pub(crate) use objective_windows::ObjectiveWindows;
pub(crate) use parts::seconds_apart;
pub(crate) use rules::judge_rules;

/// Judges a measurement: collects all objections, the most severe of which decides.
pub(crate) fn judge(run: &Run, counted: &CountedLatencies, summary: &Summary) -> Verdict {
    let mut objections = Vec::new();
    objections.extend(nothing_measured(summary));
    objections.extend(broken_identities(summary));
    objections.extend(unfinished(run));
    objections.extend(missing_share(run));
    objections.extend(parts(run, summary));
    objections.extend(not_together(run));
    objections.extend(clocks(run));
    objections.extend(of_generator(counted, summary));
    objections.extend(too_few_users(summary));
    objections.extend(scenario_failures(summary));
    objections.extend(debug_build(run));
    // Load that agents send depends on their machines, which are judged with their generators.
    if run.generators.iter().all(|own| own.host.samples.is_empty()) {
        objections.extend(noisy_host(run, summary));
        objections.extend(busy_host(summary));
    }
    verdict(objections, slo(summary))
}

/// Judges one generator of several, by its own requests and its machine. `alone` is the run as if it had been the only one.
/// Objectives are judged for the whole run.
pub(crate) fn judge_generator(
    alone: &Run,
    counted: &CountedLatencies,
    summary: &Summary,
) -> Verdict {
    let mut objections = broken_identities(summary);
    objections.extend(of_generator(counted, summary));
    objections.extend(noisy_host(alone, summary));
    objections.extend(busy_host(summary));
    verdict(objections, SloVerdict::NotJudged)
}

/// Objects to a generator that was late, or failed to send.
fn of_generator(counted: &CountedLatencies, summary: &Summary) -> Vec<Objection> {
    let mut objections = Vec::new();
    objections.extend(lag(summary));
    objections.extend(shortfall(summary));
    objections.extend(lag_in_the_tail(counted));
    objections.extend(own_failures(summary));
    objections
}

/// Returns the verdict of these objections, the most severe of which decides and comes first.
fn verdict(mut objections: Vec<Objection>, slo: SloVerdict) -> Verdict {
    objections.sort_by_key(|objection| match objection.grade {
        MeasurementVerdict::Invalid => 0,
        MeasurementVerdict::Suspect => 1,
        MeasurementVerdict::Valid => 2,
    });
    Verdict {
        measurement: objections
            .first()
            .map_or(MeasurementVerdict::Valid, |objection| objection.grade),
        slo,
        reasons: objections
            .into_iter()
            .map(|objection| objection.reason)
            .collect(),
    }
}

fn slo(summary: &Summary) -> SloVerdict {
    if summary.has_failed_entirely() {
        return SloVerdict::Missed;
    }
    let mut rules = summary.rules.iter().map(|rule| rule.met);
    if rules.clone().any(|met| met == Some(false)) {
        SloVerdict::Missed
    } else if rules.len() > 0 && rules.all(|met| met == Some(true)) {
        SloVerdict::Met
    } else {
        SloVerdict::NotJudged
    }
}

fn nothing_measured(summary: &Summary) -> Option<Objection> {
    // A failure that is the service's is a result, too.
    if summary.latency_ns.response.count > 0 || summary.failed_by.service > 0 {
        return None;
    }
    invalid(match summary.arrivals.sent {
        0 => "nothing was measured: no request was sent in a counted phase".to_owned(),
        sent => format!(
            "nothing was measured: {} requests were sent, and the service answered none",
            format::count(sent)
        ),
    })
}

fn broken_identities(summary: &Summary) -> Vec<Objection> {
    let broken = summary
        .identities
        .iter()
        .filter(|identity| identity.holds == Some(false));
    broken
        .filter_map(|identity| {
            invalid(format!(
                "the counts are inconsistent: \"{}\" does not hold ({})",
                identity.name, identity.figures
            ))
        })
        .collect()
}

/// Objects to a run that was killed: the results of its last seconds are unknown.
fn unfinished(run: &Run) -> Option<Objection> {
    // The parts of a merged run carry this objection; and if only some of several generators died, their share is missing.
    let some_died = run.manifest.generators > 1 && run.counts.interrupted.is_none();
    let is_carried = !run.manifest.merged_from.is_empty() || some_died;
    let checkpoint = run.counts.checkpoint.filter(|_| !is_carried)?;
    suspect(checkpoint.description())
}

fn debug_build(run: &Run) -> Option<Objection> {
    // The parts of a merged run carry this objection.
    if run.manifest.tool.build != "debug" || !run.manifest.merged_from.is_empty() {
        return None;
    }
    suspect(
        "tenfold itself is a debug build, which needs many times the CPU time; build it with --release"
            .to_owned(),
    )
}

/// A healthy run of a few seconds.
#[cfg(test)]
fn brief_run() -> Run {
    use crate::synthetic::{MadeUp, Traffic};

    let traffic = Traffic {
        per_second: 100.0,
        peak_per_second: 100.0,
        warm_up_s: 1,
        counted_s: 3,
        even: false,
    };
    MadeUp {
        traffic,
        ..MadeUp::default()
    }
    .play()
}
