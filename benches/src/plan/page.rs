//! The page of the comparison of simulations with measurements.

use tenfold_analysis::format;
use tenfold_analysis::plan::{SimulatedKnee, SimulatedP99};
use tenfold_reports::document::{Block, Document, Section};

use super::PlanFigures;
use crate::output::goal::Goal;
use crate::output::page::{NONE, cells, goals};

/// Largest error of a knee, and of a p99.
const KNEE_ERROR_MAX: f64 = 0.1;
const P99_ERROR_MAX: f64 = 0.2;

/// Returns the page of the results.
pub(super) fn page(figures: &PlanFigures) -> Document {
    let mut sections = vec![goals(&judged(figures)), permitted(figures), steps(figures)];
    let mishaps = figures.steps.iter().filter_map(|step| {
        let error = step.error.as_ref()?;
        Some(format!("{}: {error}", step.step))
    });
    let mishaps: Vec<Vec<String>> = mishaps
        .chain(figures.mishaps.iter().cloned())
        .map(|reason| vec![reason])
        .collect();
    if !mishaps.is_empty() {
        let blocks = vec![cells(&["reason"], mishaps)];
        sections.push(section("mishaps", "What failed", "", blocks));
    }
    let quick = match figures.quick {
        true => " Quick check: do not quote its figures.",
        false => "",
    };
    Document {
        title: "Simulated and measured".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start). Errors are relative to the capacity of a server \
             with permits, to the middle of a measured knee, and to a measured p99.{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
        ),
        sections,
        ..Document::default()
    }
}

fn judged(figures: &PlanFigures) -> Vec<Goal> {
    let permits = figures.permitted.iter();
    let knees = permits.clone().map(|own| own.knee / own.capacity - 1.0);
    let p99s = permits.map(|own| own.p99_ns / own.measured_p99_ns - 1.0);
    let stepped = figures.steps.iter();
    let step_knees = stepped.clone().filter_map(|step| step.knee.as_ref()?.error);
    let step_p99s = stepped.filter_map(|step| step.p99.as_ref()?.error);
    vec![
        goal(
            "servers with permits: the knee is within 10%",
            knees.collect(),
            KNEE_ERROR_MAX,
        ),
        goal(
            "servers with permits: p99 at 70% is within 20%",
            p99s.collect(),
            P99_ERROR_MAX,
        ),
        goal(
            "stages: the knee is within 10%",
            step_knees.collect(),
            KNEE_ERROR_MAX,
        ),
        goal(
            "stages: p99 at 70% is within 20%",
            step_p99s.collect(),
            P99_ERROR_MAX,
        ),
    ]
}

/// Judges the largest error.
fn goal(asked: &str, errors: Vec<f64>, most: f64) -> Goal {
    let largest = errors
        .iter()
        .copied()
        .max_by(|one, other| one.abs().total_cmp(&other.abs()));
    let within = errors.iter().filter(|error| error.abs() <= most).count();
    Goal::new(
        asked.to_owned(),
        largest.map(|largest| {
            let text = format!(
                "{within} of {}, largest error {}",
                errors.len(),
                signed(largest)
            );
            (text, within == errors.len())
        }),
        "not measured",
    )
}

fn section(id: &str, title: &str, lead: &str, blocks: Vec<Block>) -> Section {
    Section {
        id: id.to_owned(),
        title: title.to_owned(),
        lead: lead.to_owned(),
        blocks,
    }
}

fn signed(error: f64) -> String {
    format!("{:+.1}%", error * 100.0)
}

fn time(ns: f64) -> String {
    format::duration(ns.round() as u64)
}

fn permitted(figures: &PlanFigures) -> Section {
    let rows = figures.permitted.iter().map(|own| {
        vec![
            format!(
                "{} permits of {} ms",
                own.permits,
                own.takes_us as f64 / 1e3
            ),
            format::rate(own.capacity),
            format::rate(own.knee),
            signed(own.knee / own.capacity - 1.0),
            time(own.measured_p99_ns),
            time(own.p99_ns),
            signed(own.p99_ns / own.measured_p99_ns - 1.0),
        ]
    });
    let heads = [
        "server",
        "capacity",
        "simulated knee",
        "error",
        "p99 at 70%",
        "simulated",
        "error",
    ];
    section(
        "permits",
        "Servers with permits",
        "Service times are those of a run at a tenth of the capacity.",
        vec![cells(&heads, rows.collect())],
    )
}

fn steps(figures: &PlanFigures) -> Section {
    let steps = figures.steps.iter().filter(|step| step.error.is_none());
    let rows = steps.map(|step| {
        let (knee, p99) = (step.knee.as_ref(), step.p99.as_ref());
        let of_knee = |text: fn(&SimulatedKnee) -> Option<String>| {
            knee.and_then(text).unwrap_or(NONE.to_owned())
        };
        let of_p99 = |text: fn(&SimulatedP99) -> Option<String>| {
            p99.and_then(text).unwrap_or(NONE.to_owned())
        };
        vec![
            step.step.clone(),
            of_knee(|own| {
                let [low, high] = own.measured;
                Some(format!("{} to {}", format::rate(low?), format::rate(high?)))
            }),
            of_knee(|own| Some(format::rate(own.simulated))),
            of_knee(|own| own.error.map(signed)),
            of_p99(|own| Some(format::rate(own.rate))),
            of_p99(|own| own.measured_ns.map(time)),
            of_p99(|own| Some(time(own.simulated_ns))),
            of_p99(|own| own.error.map(signed)),
        ]
    });
    let heads = [
        "step",
        "measured knee",
        "simulated",
        "error",
        "at",
        "measured p99",
        "simulated",
        "error",
    ];
    section(
        "steps",
        "Stages of the reference service",
        "CPU times are those of the trials that each step sustained.",
        vec![cells(&heads, rows.collect())],
    )
}
