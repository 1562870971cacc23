//! The page of the benchmark of diagnoses.

use std::collections::BTreeMap;

use tenfold_analysis::format;
use tenfold_analysis::{Confidence, diagnosis::Resource};
use tenfold_reports::document::{Document, Section};
use tenfold_stats::wilson_interval;

use crate::findings::FindingsFigures;
use crate::findings::trial::Trial;
use crate::output::goal::Goal;
use crate::output::page::{NONE, cells, goals};

/// Returns the page of the results.
pub(super) fn page(figures: &FindingsFigures) -> Document {
    let mut sections = vec![goals(&judged(figures)), matrix(figures), all(figures)];
    if !figures.mishaps.is_empty() {
        let reasons = figures.mishaps.iter().map(|reason| vec![reason.clone()]);
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Failed diagnoses".to_owned(),
            lead: String::new(),
            blocks: vec![cells(&["reason"], reasons.collect())],
        });
    }
    let quick = match figures.quick {
        true => " Quick check: one diagnosis of each.",
        false => "",
    };
    Document {
        title: "Planted bottlenecks".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start), {} of each. One bottleneck at a \
             time is planted in a service, and `tenfold profile` diagnoses it. It gets the address of the service, and that of a \
             database, cache or balancer behind it, but no admin address.{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            diagnoses(figures.turns),
        ),
        sections,
        ..Document::default()
    }
}

fn diagnoses(turns: u32) -> String {
    match turns {
        1 => "one diagnosis".to_owned(),
        several => format!("{several} diagnoses"),
    }
}

fn judged(figures: &FindingsFigures) -> Vec<Goal> {
    let trials = &figures.trials;
    let share =
        |asked: &str, least: f64, of: &dyn Fn(&&Trial) -> bool, hit: &dyn Fn(&Trial) -> bool| {
            let chosen: Vec<&Trial> = trials.iter().filter(of).collect();
            let hits = chosen.iter().filter(|trial| hit(trial)).count();
            let [low, high] = wilson_interval(hits as u64, chosen.len() as u64);
            let share = hits as f64 / chosen.len().max(1) as f64;
            Goal {
                asked: asked.to_owned(),
                measured: format!(
                    "{hits} of {}, 95% interval {} to {}",
                    chosen.len(),
                    format::percent(low),
                    format::percent(high)
                ),
                met: (!chosen.is_empty()).then_some(share >= least),
            }
        };
    let right = |trial: &Trial| trial.right;
    vec![
        share(
            "first bottleneck right: at least 90%",
            0.9,
            &|trial| !trial.nothing,
            &right,
        ),
        share(
            "in services that are not ours: at least 75%",
            0.75,
            &|trial| !trial.nothing && !trial.own,
            &right,
        ),
        share(
            "nothing named where nothing is planted: at least 95%",
            0.95,
            &|trial| trial.nothing,
            &right,
        ),
        share(
            "right where confidence is high: at least 95%",
            0.95,
            &|trial| trial.confidence == Some(Confidence::High),
            &right,
        ),
        share("in at most 3 minutes: all", 1.0, &|_| true, &|trial| {
            trial.took_s <= 180.0
        }),
    ]
}

fn matrix(figures: &FindingsFigures) -> Section {
    let mut counts = BTreeMap::<&str, BTreeMap<String, usize>>::new();
    for trial in &figures.trials {
        let row = counts.entry(trial.planted.as_str()).or_default();
        *row.entry(name(trial.resource)).or_default() += 1;
    }
    let rows = counts.into_iter().map(|(planted, row)| {
        let named: Vec<String> = row
            .into_iter()
            .map(|(resource, count)| format!("{resource}: {count}"))
            .collect();
        vec![planted.to_owned(), named.join(", ")]
    });
    Section {
        id: "matrix".to_owned(),
        title: "Planted and named".to_owned(),
        lead: String::new(),
        blocks: vec![cells(&["planted", "named first"], rows.collect())],
    }
}

fn all(figures: &FindingsFigures) -> Section {
    let rows = figures.trials.iter().map(|trial| {
        vec![
            trial.planted.clone(),
            trial.turn.to_string(),
            match trial.right {
                true => "right".to_owned(),
                false => "wrong".to_owned(),
            },
            match trial.place_right {
                Some(true) => "right".to_owned(),
                Some(false) => "not named".to_owned(),
                None => NONE.to_owned(),
            },
            trial
                .confidence
                .map_or(NONE.to_owned(), |own| format!("{own:?}").to_lowercase()),
            format!("{:.0} s", trial.took_s),
            trial.title.clone(),
        ]
    });
    Section {
        id: "diagnoses".to_owned(),
        title: "Diagnoses".to_owned(),
        lead: String::new(),
        blocks: vec![cells(
            &[
                "planted",
                "turn",
                "resource",
                "place",
                "confidence",
                "time",
                "title",
            ],
            rows.collect(),
        )],
    }
}

fn name(resource: Option<Resource>) -> String {
    let name = resource.and_then(|own| serde_json::to_value(own).ok());
    let name = name.and_then(|own| own.as_str().map(str::to_owned));
    name.unwrap_or_else(|| "none".to_owned())
}
