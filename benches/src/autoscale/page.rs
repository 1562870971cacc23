//! The page of the comparison of scaling policies.

use tenfold_analysis::format;
use tenfold_reports::document::{Document, Section};

use super::policy::{self, FEWEST, MOST};
use super::turn::Turn;
use super::{AutoscaleFigures, LoadFigures, load};
use crate::output::goal::Goal;
use crate::output::page::{cells, goals};

/// Largest cost relative to the oracle, and largest share of time out of objective, on a day.
const COST_MAX: f64 = 1.2;
const MISSED_MAX: f64 = 0.01;

/// Returns the page of the results.
pub(super) fn page(figures: &AutoscaleFigures) -> Document {
    let mut sections = vec![goals(&[judged(figures)])];
    sections.extend(figures.loads.iter().map(|load| section(figures, load)));
    let invalid = figures.turns.iter().filter_map(|turn| {
        let reason = turn.measurement.as_ref()?;
        Some(format!(
            "{}, {}: {reason}",
            turn.load.name(),
            turn.policy.name()
        ))
    });
    let mishaps: Vec<Vec<String>> = invalid
        .chain(figures.mishaps.iter().cloned())
        .map(|reason| vec![reason])
        .collect();
    if !mishaps.is_empty() {
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Measurements that failed or are not valid".to_owned(),
            lead: String::new(),
            blocks: vec![cells(&["reason"], mishaps)],
        });
    }
    Document {
        title: "Scaling policies".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start). Stage autoscaled, {FEWEST} to {MOST} application \
             servers of {} CPU. {FEWEST} of them sustain {}, and loads are multiples of that. The oracle knows the load and has as many boxes as \
             each second needs, without delay.",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            format::significant(figures.box_cpu),
            format::rate(figures.sustained),
        ),
        sections,
        ..Document::default()
    }
}

/// Judges the cheapest policy that keeps the objectives on a day, or the one that misses them least.
fn judged(figures: &AutoscaleFigures) -> Goal {
    let asked = format!(
        "on a day, one policy costs at most {COST_MAX} times the box-seconds of the oracle, with at most {:.0}% of the time out of objective",
        MISSED_MAX * 100.0
    );
    let day = figures.loads.iter().find(|own| own.load == load::Kind::Day);
    let turns = figures.turns.iter();
    let scaled = turns.filter(|turn| {
        turn.load == load::Kind::Day
            && !matches!(turn.policy, policy::Kind::Fewest | policy::Kind::Most)
    });
    let measured = day.and_then(|day| {
        let best = scaled.min_by(|one, other| {
            let rank = |turn: &Turn| (missed(turn).max(MISSED_MAX), cost(turn, day));
            let ((one_missed, one_cost), (other_missed, other_cost)) = (rank(one), rank(other));
            one_missed
                .total_cmp(&other_missed)
                .then(one_cost.total_cmp(&other_cost))
        })?;
        let text = format!(
            "{}: {:.2} times, {} out of objective",
            best.policy.name(),
            cost(best, day),
            share(missed(best))
        );
        let is_met = cost(best, day) <= COST_MAX && missed(best) <= MISSED_MAX;
        Some((text, is_met))
    });
    Goal::new(asked, measured, "no policy was measured on a day")
}

fn section(figures: &AutoscaleFigures, load: &LoadFigures) -> Section {
    let turns = figures.turns.iter().filter(|turn| turn.load == load.load);
    let oracle = vec![
        "oracle".to_owned(),
        format!("{:.0}", load.oracle_box_seconds),
        "1.00".to_owned(),
        load.oracle_boxes_max.to_string(),
        "0 s".to_owned(),
        "0%".to_owned(),
        "0".to_owned(),
        load.oracle_reversals.to_string(),
    ];
    let rows = turns.map(|turn| {
        vec![
            turn.policy.name().to_owned(),
            format!("{:.0}", turn.box_seconds),
            format!("{:.2}", cost(turn, load)),
            turn.boxes_max.to_string(),
            format!("{:.0} s", turn.missed_s),
            share(missed(turn)),
            format::count(turn.lost),
            turn.reversals.to_string(),
        ]
    });
    let heads = [
        "policy",
        "box-seconds",
        "of the oracle's",
        "most boxes",
        "out of objective",
        "of the time",
        "failed or dropped",
        "reversals",
    ];
    let words = load.load.words();
    Section {
        id: load.load.name().replace(' ', "-"),
        title: capitalised(load.load.name()),
        lead: format!(
            "{}, for {} s. A reversal is a change of direction of the wish for boxes.",
            capitalised(words),
            load.seconds
        ),
        blocks: vec![cells(&heads, std::iter::once(oracle).chain(rows).collect())],
    }
}

/// Returns a turn in a line.
pub(super) fn line(turn: &Turn) -> String {
    format!(
        "{:.0} box-seconds, at most {} boxes, {:.0} s out of objective, {} failed or dropped, {} reversals",
        turn.box_seconds, turn.boxes_max, turn.missed_s, turn.lost, turn.reversals
    )
}

fn cost(turn: &Turn, load: &LoadFigures) -> f64 {
    turn.box_seconds / load.oracle_box_seconds.max(1.0)
}

fn missed(turn: &Turn) -> f64 {
    turn.missed_s / turn.judged_s.max(1.0)
}

fn share(of_one: f64) -> String {
    format!("{:.1}%", of_one * 100.0)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
