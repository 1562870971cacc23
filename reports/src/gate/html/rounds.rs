//! The rounds, metric by metric.

use maud::{Markup, html};
use tenfold_analysis::gate::{GateOutcome, MetricResult, Pair, RoundRecord};
use tenfold_analysis::words;

use crate::chart::{self, Description, Ink};
use crate::gate::figures;
use crate::gate::html::first_screen::rounds_said;
use crate::html::figures::{Data, figure, head, section};

/// Sets a chart for each metric, a pair of dots a round.
pub(super) fn rounds(outcome: &GateOutcome) -> Markup {
    let metrics = outcome.decision.as_ref().map_or(&[][..], |d| &d.metrics);
    let content = html! {
        @if metrics.is_empty() || outcome.rounds.is_empty() {
            p.none { "No round was judged." }
        }
        @for (index, result) in metrics.iter().enumerate() {
            h3 { (result.metric.name) }
            (metric(index, result, &outcome.rounds))
        }
    };
    let lead = format!(
        "{}. Both builds are measured in the same seconds, so that what the machine does to one it does to \
         the other: what counts is how far the dots of a pair lie apart, not how the pairs wander. Dotted \
         lines are where the builds were started anew.",
        rounds_said(outcome)
    );
    section("rounds", "Round by round", &lead, &content)
}

fn metric(index: usize, result: &MetricResult, rounds: &[RoundRecord]) -> Markup {
    let metric = &result.metric;
    let pair = |round: &RoundRecord| round.metrics.get(&metric.name).copied();
    let pairs: Vec<Option<Pair<f64>>> = rounds.iter().map(pair).collect();
    let restarts: Vec<usize> = rounds
        .iter()
        .enumerate()
        .filter(|(_, round)| round.restarted)
        .map(|(index, _)| index)
        .collect();
    let say = |value: f64| figures::value(&metric.unit, value);
    let told = pairs.iter().flatten().count();
    let description = Description {
        id: format!("rounds-{index}"),
        title: format!("{} by round", metric.name),
        text: format!(
            "Hollow dots are the baseline, filled ones the candidate. {} of {} rounds tell it.",
            words::count(told as u64),
            words::count(rounds.len() as u64)
        ),
    };
    let data = Data {
        head: head(&[
            "round",
            "from second",
            "baseline",
            "candidate",
            "candidate / baseline",
        ]),
        rows: rounds
            .iter()
            .zip(&pairs)
            .enumerate()
            .filter_map(|(index, (round, pair))| {
                let pair = (*pair)?;
                let ratio = pair.log_ratio(metric.floor);
                Some(vec![
                    (index + 1).to_string(),
                    words::significant(round.at_s),
                    say(pair.baseline),
                    say(pair.candidate),
                    ratio.map_or_else(
                        || figures::NOTHING.to_owned(),
                        |ratio| words::change(ratio.exp_m1()),
                    ),
                ])
            })
            .collect(),
    };
    figure(
        chart::rounds(&description, &pairs, &restarts, say),
        &[
            (Ink::Reads, "baseline (hollow)"),
            (Ink::Response, "candidate (filled)"),
        ],
        &data,
    )
}
