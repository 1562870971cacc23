//! The report of a comparison of two knees.

use tenfold_analysis::format;
use tenfold_analysis::knee::{KneeComparison, KneeVerdict, SearchReport, TrialReport};

use super::{longest_of_each_rate, sentence, trials};
use crate::document::{Block, Curve, Curves, Document, Fact, Section, Tone, Verdict};

/// Returns the comparison with the trials of both builds.
pub fn page(found: &KneeComparison) -> Document {
    let of = |side: &str, search: &SearchReport| {
        let below: Vec<TrialReport> = search
            .trials
            .iter()
            .map(|trial| TrialReport {
                directory: std::path::Path::new(side).join(&trial.directory),
                ..trial.clone()
            })
            .collect();
        let title = format!("Trials of the {side}");
        trials(search, &format!("{side}-trials"), &title, &below)
    };
    Document {
        sections: vec![
            curves(found),
            of("baseline", &found.baseline.search),
            of("candidate", &found.candidate.search),
        ],
        ..digest(found)
    }
}

/// Returns the verdict alone.
pub fn digest(found: &KneeComparison) -> Document {
    let (tone, badge, status) = match found.verdict {
        KneeVerdict::More => (Tone::Good, "More", "pass"),
        KneeVerdict::NotLess => (Tone::Good, "Not less", "pass"),
        KneeVerdict::Less => (Tone::Bad, "Less", "fail"),
        KneeVerdict::Inconclusive => (Tone::Caution, "Inconclusive", "inconclusive"),
    };
    let [before, after] = [&found.baseline, &found.candidate];
    let scenario = &before.search.scenario;
    let mut facts = vec![
        Fact::new(
            "baseline",
            format!("{}: {}", before.build, sentence(&before.search)),
        ),
        Fact::new(
            "candidate",
            format!("{}: {}", after.build, sentence(&after.search)),
        ),
        Fact::new("objectives", before.search.rules.join("; ")),
    ];
    if let Some(limit) = &after.search.limit {
        facts.push(Fact::new("above the candidate's knee", limit.clone()));
    }
    Document {
        origin: vec!["knee".to_owned(), scenario.clone(), after.build.clone()],
        subject: scenario.clone(),
        about: format!("{} beside {}", after.build, before.build),
        verdict: Some(Verdict {
            tone,
            badge: badge.to_owned(),
            status: status.to_owned(),
        }),
        title: title(found),
        opening: vec![Block::Facts(facts)],
        ..Document::default()
    }
}

/// Returns the verdict in a sentence.
fn title(found: &KneeComparison) -> String {
    let smallest = format::percent(found.min_effect);
    let Some(change) = found.change else {
        return match found.verdict {
            KneeVerdict::More => {
                "The candidate sustains a rate that the baseline does not".to_owned()
            }
            KneeVerdict::Less => format!("The candidate sustains at least {smallest} less"),
            KneeVerdict::NotLess => "Both sustain every rate up to --max".to_owned(),
            KneeVerdict::Inconclusive => {
                "A knee is known only in part, so that the builds can't be compared".to_owned()
            }
        };
    };
    let [low, high] = change.interval.map(signed_percent);
    let estimate = format::percent(change.estimate.abs());
    let likely = format!("98% interval {low} to {high}");
    match found.verdict {
        KneeVerdict::More => format!("The candidate sustains {estimate} more ({likely})"),
        KneeVerdict::Less => format!("The candidate sustains {estimate} less ({likely})"),
        KneeVerdict::NotLess => {
            format!("The candidate sustains as much: no loss of {smallest} ({likely})")
        }
        KneeVerdict::Inconclusive => {
            format!("A loss of {smallest} is neither shown nor ruled out ({likely})")
        }
    }
}

/// Returns a share with its sign: `-4.00%`, `+1.20%`.
fn signed_percent(share: f64) -> String {
    let sign = if share < 0.0 { "-" } else { "+" };
    format!("{sign}{}", format::percent(share.abs()))
}

/// Returns the curves of both builds over the offered rate.
fn curves(found: &KneeComparison) -> Section {
    let chart = |id: &str, title: &str, y: &str, of: &dyn Fn(&TrialReport) -> Option<f64>| {
        let curve = |name: &str, search: &SearchReport| Curve {
            name: name.to_owned(),
            points: longest_of_each_rate(search)
                .into_iter()
                .filter_map(|trial| Some((trial.rate, of(trial)?)))
                .collect(),
        };
        Block::Curves(Curves {
            id: id.to_owned(),
            title: title.to_owned(),
            x: "offered, requests per second".to_owned(),
            y: y.to_owned(),
            curves: vec![
                curve("baseline", &found.baseline.search),
                curve("candidate", &found.candidate.search),
            ],
        })
    };
    let blocks = vec![
        chart("p99", "p99 by offered rate", "milliseconds", &|trial| {
            trial.figures.p99_ns.map(|ns| ns as f64 / 1e6)
        }),
        chart(
            "achieved",
            "Answers by offered rate",
            "requests per second",
            &|trial| Some(trial.figures.achieved),
        ),
        chart(
            "cores",
            "Processors in use by the service, by offered rate",
            "cores",
            &|trial| trial.figures.service_cores,
        ),
    ];
    Section::new(
        "curves",
        "By offered rate",
        "Both builds ran at the same time, and got load in turns. One point for each rate; of several trials of a rate, the longest.",
        blocks,
    )
}
