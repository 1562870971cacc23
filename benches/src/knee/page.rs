//! The page of the benchmark of searches.

use std::collections::BTreeMap;

use tenfold_analysis::format;
use tenfold_analysis::knee::Goal as SearchGoal;
use tenfold_reports::document::{Document, Section};
use tenfold_stats::wilson_interval;

use super::{KneeFigures, Searched};
use crate::output::goal::Goal;
use crate::output::page::{NONE, cells, goals};

/// Time that a search may take, beyond the budget: its last trial ends.
const LAST_TRIAL_S: f64 = 30.0;

/// Returns the page of the results.
pub(super) fn page(figures: &KneeFigures, goal: SearchGoal) -> Document {
    let mut sections = vec![
        goals(&judged(figures, goal)),
        services(figures),
        real(figures),
    ];
    if !figures.mishaps.is_empty() {
        let reasons = figures.mishaps.iter().map(|reason| vec![reason.clone()]);
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Failed searches".to_owned(),
            lead: String::new(),
            blocks: vec![cells(&["reason"], reasons.collect())],
        });
    }
    let quick = match figures.quick {
        true => " Quick check: `tenfold knee --quick`.",
        false => "",
    };
    Document {
        title: "The knee of services of known capacity".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start). Each search begins at another rate, \
             from a twentieth of the capacity to four times it. Real servers let a number of requests through at a time, each for \
             a fixed time; arrivals are random.{quick}",
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

fn judged(figures: &KneeFigures, goal: SearchGoal) -> Vec<Goal> {
    let chosen = |is_real: bool| -> Vec<&Searched> {
        let searches = figures.searches.iter();
        searches.filter(|own| own.is_real == is_real).collect()
    };
    let mut goals = Vec::new();
    for (is_real, name) in [(false, "simulated"), (true, "real")] {
        let searches = chosen(is_real);
        let asked = format!("{name}: the answer holds the capacity in at least 95%");
        let held = searches.iter().filter(|own| own.holds()).count();
        goals.push(Goal::new(
            asked,
            (!searches.is_empty()).then(|| {
                let share = held as f64 / searches.len() as f64;
                (of(held, searches.len()), share >= 0.95)
            }),
            "none was searched",
        ));
        let widths = searches.iter().filter(|own| own.is_confirmed);
        let widest = widths.filter_map(|own| own.width()).max_by(f64::total_cmp);
        goals.push(Goal::new(
            format!(
                "{name}: confirmed answers are at most {} wide",
                format::percent(goal.width)
            ),
            widest.map(|widest| (format::percent(widest), widest <= goal.width + 1e-6)),
            "none was confirmed",
        ));
        let limit = goal.budget.as_secs_f64() + LAST_TRIAL_S;
        let longest = searches.iter().map(|own| own.took_s).max_by(f64::total_cmp);
        goals.push(Goal::new(
            format!("{name}: each in at most {limit:.0} s"),
            longest.map(|longest| (format!("{longest:.0} s"), longest <= limit)),
            "none was searched",
        ));
    }
    goals
}

fn of(held: usize, all: usize) -> String {
    let [low, high] = wilson_interval(held as u64, all as u64);
    format!(
        "{held} of {all}, 95% interval {} to {}",
        format::percent(low),
        format::percent(high)
    )
}

fn services(figures: &KneeFigures) -> Section {
    let mut by_service = BTreeMap::<&str, Vec<&Searched>>::new();
    for searched in &figures.searches {
        by_service
            .entry(&searched.service)
            .or_default()
            .push(searched);
    }
    let rows = by_service.into_iter().map(|(service, searches)| {
        let held = searches.iter().filter(|own| own.holds()).count();
        let confirmed = searches.iter().filter(|own| own.is_confirmed).count();
        let widths = searches.iter().filter_map(|own| own.width());
        vec![
            service.to_owned(),
            of(held, searches.len()),
            confirmed.to_string(),
            median(widths.collect()).map_or(NONE.to_owned(), format::percent),
            median(searches.iter().map(|own| own.took_s).collect())
                .map_or(NONE.to_owned(), |seconds| format!("{seconds:.0} s")),
        ]
    });
    Section {
        id: "services".to_owned(),
        title: "By service".to_owned(),
        lead: "Width and time are medians.".to_owned(),
        blocks: vec![cells(
            &[
                "service",
                "holds the capacity",
                "confirmed",
                "width",
                "time",
            ],
            rows.collect(),
        )],
    }
}

fn real(figures: &KneeFigures) -> Section {
    let rate = |rate: Option<f64>| rate.map_or(NONE.to_owned(), |rate| format!("{rate:.1}/s"));
    let searches = figures.searches.iter().filter(|own| own.is_real);
    let rows = searches.map(|own| {
        vec![
            own.service.clone(),
            format!("{:.1}/s", own.truth),
            format!("{:.1}/s", own.first_rate),
            rate(own.sustained),
            rate(own.failed),
            match own.holds() {
                true => "yes",
                false => "no",
            }
            .to_owned(),
            match own.is_confirmed {
                true => "yes",
                false => "no",
            }
            .to_owned(),
            format!("{:.0} s", own.took_s),
        ]
    });
    Section {
        id: "real".to_owned(),
        title: "Real servers".to_owned(),
        lead: "In order.".to_owned(),
        blocks: vec![cells(
            &[
                "server",
                "capacity",
                "first rate",
                "sustained",
                "not sustained",
                "holds",
                "confirmed",
                "time",
            ],
            rows.collect(),
        )],
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
