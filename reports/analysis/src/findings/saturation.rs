//! Saturation: whether the generator or the service saturated first.

use tenfold_run_dir::Run;

use crate::findings::hot_spot::HotSpots;
use crate::findings::in_flight_trend::InFlightTrend;
use crate::findings::limit::{CpuUse, Limit, hot_functions};
use crate::findings::load::Load;
use crate::findings::parallelism::{parallelism, unknown_parallelism};
use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};
use crate::summary::window::Window;

/// Answered share of the offered rate below which the run counts as saturated.
const ANSWERED_MIN: f64 = 0.99;

/// Dropped share of the arrivals above which the run counts as saturated.
const DROPPED_MAX: f64 = 0.001;

/// The side that saturated first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saturated {
    /// Neither.
    Nothing,
    /// The generator.
    Generator,
    /// The service.
    Service,
}

/// The finding on saturation.
pub(super) struct Saturation {
    /// The side that saturated first.
    pub(super) saturated: Saturated,
    /// The finding.
    pub(super) finding: Finding,
}

/// Reports whether the generator or the service saturated, with the evidence. `None` if nothing was sent.
pub(super) fn saturation(
    run: &Run,
    window: &Window,
    load: &Load,
    summary: &Summary,
) -> Option<Saturation> {
    if summary.arrivals.sent == 0 {
        return None;
    }
    let trend = InFlightTrend::of(run, window);
    let generator_late = summary.generator.lag_p99_ns.unwrap_or(0) > summary.generator.lag_bound_ns;
    let generator_full =
        summary.generator.saturated_seconds as f64 > 0.1 * summary.counted_s.max(1.0);
    // A wrong response counts as an answer: failures are a separate finding.
    let answered = window.sum(run, |row| row.reads + row.writes + row.failed);
    let planned = summary.arrivals.planned.max(1) as f64;
    // In a closed model, users wait for their answers: unanswered requests were in flight at the end.
    let is_closed = is_closed(run);
    let behind = !is_closed && answered / planned < ANSWERED_MIN;
    let dropped = summary.arrivals.dropped as f64 / planned > DROPPED_MAX;
    let evidence = evidence(run, window, summary, &trend);
    let (saturated, finding) = if generator_late || (generator_full && behind) {
        let confidence = if generator_late && generator_full {
            Confidence::High
        } else {
            Confidence::Medium
        };
        (
            Saturated::Generator,
            generator_saturated(summary, generator_full, evidence, confidence),
        )
    } else if behind
        || dropped
        || (!is_closed && trend.grows())
        || (is_closed && CpuUse::of_summary(run, summary).is_short())
    {
        (
            Saturated::Service,
            service_saturated(run, load, summary, &trend, behind, dropped, evidence),
        )
    } else {
        (Saturated::Nothing, unsaturated(run, summary, evidence))
    };
    Some(Saturation { saturated, finding })
}

/// Returns whether users set the pace, instead of a rate.
fn is_closed(run: &Run) -> bool {
    run.manifest.model == "closed"
}

fn generator_saturated(
    summary: &Summary,
    full: bool,
    evidence: Vec<String>,
    confidence: Confidence,
) -> Finding {
    let advice = if full {
        format!(
            "Lower --rate below {}, or run the generator on a separate machine, and repeat the run.",
            format::rate(summary.rate_per_s.achieved * 0.9)
        )
    } else {
        "Repeat the run with no other load on the generator host: the generator had CPU to spare, but \
         was not scheduled in time."
            .to_owned()
    };
    Finding {
        title: "The generator saturated before the service".to_owned(),
        evidence,
        confidence,
        advice,
    }
}

fn service_saturated(
    run: &Run,
    load: &Load,
    summary: &Summary,
    trend: &InFlightTrend,
    behind: bool,
    dropped: bool,
    mut evidence: Vec<String>,
) -> Finding {
    let symptoms = [behind, dropped, trend.grows() && !is_closed(run)]
        .into_iter()
        .filter(|symptom| *symptom)
        .count();
    let users_full = summary.generator.users_used >= u64::from(run.manifest.users)
        && summary.latency_ns.blocked.count > 0;
    let symptom = if is_closed(run) {
        format!(
            "The service sustained {} with {} users",
            format::rate(summary.rate_per_s.achieved),
            format::count(u64::from(run.manifest.users))
        )
    } else if behind {
        format!(
            "The service achieved {} of {} offered",
            format::rate(summary.rate_per_s.achieved),
            format::rate(summary.rate_per_s.offered)
        )
    } else if dropped {
        format!(
            "The service sustained the rate, but {} of the arrivals were dropped while it was slow",
            format::percent(
                summary.arrivals.dropped as f64 / summary.arrivals.planned.max(1) as f64
            )
        )
    } else {
        "The service fell behind: its queue grew".to_owned()
    };
    // A generator near its lag bound may have made the service look slow.
    let nearly_late =
        summary.generator.lag_p99_ns.unwrap_or(0) > summary.generator.lag_bound_ns / 2;
    let cpu = CpuUse::of_summary(run, summary);
    let limit = cpu.limit();
    evidence.extend(HotSpots::of(run).evidence(limit));
    let (mut clause, mut advice) = (limit.clause().to_owned(), limit.advice(hot_functions(run)));
    if limit.allows_waiting() && !is_closed(run) {
        let busy = busy_seconds(load);
        match parallelism(run, &load.seconds, &busy) {
            Some(parallelism) => {
                let number = parallelism.text();
                clause = match limit {
                    Limit::Waiting => {
                        format!(", with CPU to spare: it serves about {number} requests at a time")
                    }
                    _ => format!("{clause}: it serves about {number} requests at a time"),
                };
                evidence.push(parallelism.evidence("requests"));
                advice = format!(
                    "Look for a pool, a set of workers or a lock that lets {number} requests through at a time: enlarge it, \
                     or shorten the work in it. Until then, it answers at most about {}.",
                    format::rate(parallelism.rate)
                );
            }
            None if limit == Limit::Waiting => {
                evidence.extend(unknown_parallelism(&load.seconds, &busy));
            }
            None => {}
        }
    }
    let advice = if users_full {
        format!(
            "{advice} All {} users were busy: raise --users if the service is expected to be that slow.",
            format::count(summary.generator.users_used)
        )
    } else {
        advice
    };
    Finding {
        title: format!("{symptom}{clause}"),
        evidence,
        confidence: if nearly_late {
            Confidence::Low
        } else if symptoms > 1 && cpu.is_known() {
            Confidence::High
        } else {
            Confidence::Medium
        },
        advice,
    }
}

fn unsaturated(run: &Run, summary: &Summary, evidence: Vec<String>) -> Finding {
    let offered = summary.rate_per_s.offered;
    let more = match is_closed(run) {
        true => format!(
            "--users {}, twice as many",
            u64::from(run.manifest.users) * 2
        ),
        false => format!("--rate {:.0}/s, twice this rate", round_rate(offered * 2.0)),
    };
    let cpu = CpuUse::of_summary(run, summary);
    if cpu.is_host_full() {
        let limit = match cpu.limit() {
            Limit::OtherProcesses => Limit::OtherProcesses,
            _ => Limit::SharedHost,
        };
        return Finding {
            title: format!(
                "The service kept up with {}, but its host had no CPU to spare",
                format::rate(offered)
            ),
            evidence,
            confidence: Confidence::Medium,
            advice: limit.advice(hot_functions(run)),
        };
    }
    Finding {
        title: format!("Nothing saturated at {}", format::rate(offered)),
        evidence,
        confidence: Confidence::High,
        advice: format!("Raise the load until something saturates, for example with {more}."),
    }
}

/// Rounds a rate to two significant digits.
fn round_rate(per_second: f64) -> f64 {
    let magnitude = 10_f64
        .powf(per_second.max(1.0).log10().floor() - 1.0)
        .max(1.0);
    (per_second / magnitude).round().max(1.0) * magnitude
}

/// Returns the seconds in which the service was busy without a break: of its overloads, or else all counted ones
/// but the first.
fn busy_seconds(load: &Load) -> Vec<usize> {
    if !load.overloads.is_empty() {
        return load
            .overloads
            .iter()
            .flat_map(|own| own.busy.clone())
            .collect();
    }
    let counted = (0..load.seconds.len()).filter(|at| load.seconds[*at].counted);
    counted.skip(1).collect()
}

fn evidence(run: &Run, window: &Window, summary: &Summary, trend: &InFlightTrend) -> Vec<String> {
    let generator = &summary.generator;
    let mut evidence = vec![format!(
        "{} offered, {} achieved ({})",
        format::rate(summary.rate_per_s.offered),
        format::rate(summary.rate_per_s.achieved),
        format::percent(summary.rate_per_s.share.unwrap_or(0.0))
    )];
    if let Some(lag) = generator.lag_p99_ns {
        evidence.push(format!(
            "the generator used {} cores; its lag was {} at p99, limit {}",
            format::significant(generator.cores_used),
            format::duration(lag),
            format::duration(generator.lag_bound_ns)
        ));
    }
    if let Some(target) = &summary.target_usage {
        evidence.push(format!(
            "the service used {} cores on average, {} in its busiest second",
            format::significant(target.cores_used),
            format::significant(target.peak_cores_used)
        ));
    }
    if let Some(host) = &summary.host_usage {
        evidence.push(format!(
            "the host used {} of its {} cores, {} in its busiest second",
            format::significant(host.cores_used),
            host.cores,
            format::significant(host.peak_cores_used)
        ));
    }
    if trend.grows() {
        evidence.push(format!(
            "requests in flight or waiting grew from {} to {}",
            format::significant(trend.early),
            format::significant(trend.late)
        ));
    }
    if summary.arrivals.dropped > 0 {
        evidence.push(format!(
            "{} arrivals were dropped because every user was busy for too long",
            format::count(summary.arrivals.dropped)
        ));
    }
    if let Some(second) = first_second_behind(run, window) {
        evidence.push(format!("the service first fell behind in second {second}"));
    }
    evidence
}

/// Returns the first second in which more than a tenth of the arrivals got no response.
fn first_second_behind(run: &Run, window: &Window) -> Option<u64> {
    window
        .rows(run)
        .find(|row| {
            row.planned >= 20 && ((row.reads + row.writes) as f64) < 0.9 * row.planned as f64
        })
        .map(|row| row.start_ns / 1_000_000_000)
}
