//! Figures by phase and step.

use tenfold_analysis::{PhaseSummary, Summary, format};

use crate::document::{Block, Section, Table};
use crate::run::interval;

/// Returns a row for each phase, and for each step of a phase.
pub(super) fn phases(summary: &Summary) -> Option<Section> {
    if summary.phases.is_empty() {
        return None;
    }
    let has_steps = summary.phases.iter().any(|phase| !phase.steps.is_empty());
    let mut lead = "Rates, response times and CPU of each phase.".to_owned();
    if has_steps {
        lead.push_str(
            " An answer counts in the step in which it arrived, so the first second of a step may show the step before it.",
        );
    }
    let failures = failures(summary);
    let mut blocks = vec![
        Block::Table(rates(summary)),
        Block::Table(latencies(summary)),
    ];
    if !failures.rows.is_empty() {
        blocks.push(Block::Table(failures));
    }
    let title = if has_steps {
        "Phases and steps"
    } else {
        "Phases"
    };
    Some(Section::new("phases", title, lead, blocks))
}

/// Returns the phases and steps that a short report shows: none for a run of one phase without steps.
pub(super) fn short(summary: &Summary) -> Option<Table> {
    let counted = summary.phases.iter().filter(|phase| !phase.warm_up);
    let several =
        counted.clone().count() > 1 || counted.clone().any(|phase| !phase.steps.is_empty());
    let rows = periods(summary)
        .filter(|phase| !phase.warm_up)
        .map(|phase| {
            let response = &phase.response_ns;
            vec![
                named(phase),
                format::rate(phase.rate_per_s.offered),
                format::rate(phase.rate_per_s.achieved),
                format::maybe_duration(response.p50),
                format::maybe_duration(response.p99),
                interval(response.interval_95.p99),
                format::count(phase.arrivals.failed + phase.arrivals.dropped),
                cpu(phase),
            ]
        });
    let head = [
        "phase",
        "offered",
        "achieved",
        "p50",
        "p99",
        "p99, 95% interval",
        "failed or dropped",
        "service CPU",
    ];
    several.then(|| Table::new(&head, rows))
}

/// Yields each phase, followed by its steps.
fn periods(summary: &Summary) -> impl Iterator<Item = &PhaseSummary> {
    let phases = summary.phases.iter();
    phases.flat_map(|phase| std::iter::once(phase).chain(&phase.steps))
}

fn named(phase: &PhaseSummary) -> String {
    match (phase.step, phase.planned_per_s) {
        (Some(step), Some(rate)) => format!("{}, step {step}: {}", phase.name, format::rate(rate)),
        (Some(step), None) => format!("{}, step {step}", phase.name),
        (None, _) if phase.warm_up => format!("{} (warm-up)", phase.name),
        (None, _) => phase.name.clone(),
    }
}

fn cores(cores: Option<f64>) -> String {
    cores.map_or_else(|| "–".to_owned(), format::significant)
}

/// Formats the cores in use by the target, and its CPU time per request.
fn cpu(phase: &PhaseSummary) -> String {
    match (phase.target_cores, phase.target_cpu_us_per_request) {
        (Some(cores), Some(us)) => format!(
            "{} cores, {} µs a request",
            format::significant(cores),
            format::significant(us)
        ),
        (Some(cores), None) => format!("{} cores", format::significant(cores)),
        (None, _) => "–".to_owned(),
    }
}

fn rates(summary: &Summary) -> Table {
    let rows = periods(summary).map(|phase| {
        let rates = &phase.rate_per_s;
        vec![
            named(phase),
            format!("{} s", format::significant(phase.start_s)),
            format!("{} s", format::significant(phase.duration_s)),
            format::rate(rates.offered),
            format::rate(rates.achieved),
            format::count(phase.arrivals.failed),
            format::count(phase.arrivals.dropped),
            cores(phase.target_cores),
            cores(phase.target_cpu_us_per_request),
            cores(phase.generator_cores),
        ]
    });
    let head = [
        "phase",
        "start",
        "duration",
        "offered",
        "achieved",
        "failed",
        "dropped",
        "service cores",
        "service µs per request",
        "generator cores",
    ];
    Table::new(&head, rows)
}

fn latencies(summary: &Summary) -> Table {
    let rows = periods(summary).filter(|phase| phase.response_ns.count > 0);
    let rows = rows.map(|phase| {
        let response = &phase.response_ns;
        let ends = &response.interval_95;
        vec![
            named(phase),
            format::count(response.count),
            format::maybe_duration(response.p50),
            interval(ends.p50),
            format::maybe_duration(response.p90),
            format::maybe_duration(response.p99),
            interval(ends.p99),
            format::maybe_duration(response.p999),
            format::maybe_duration(response.max),
        ]
    });
    let head = [
        "response time",
        "n",
        "p50",
        "p50, 95% interval",
        "p90",
        "p99",
        "p99, 95% interval",
        "p99.9",
        "max",
    ];
    Table::new(&head, rows)
}

/// Returns the failures of each phase and step by class.
fn failures(summary: &Summary) -> Table {
    let rows = periods(summary).flat_map(|phase| {
        let failures = phase.failures.iter();
        failures.map(|(class, count)| vec![named(phase), class.clone(), format::count(*count)])
    });
    Table::new(&["failures in", "class", "requests"], rows)
}
