//! The rounds, metric by metric.

use tenfold_analysis::format;
use tenfold_analysis::gate::{GateOutcome, MetricResult, Pair, RoundRecord};

use crate::chart::{self, Description, Ink};
use crate::document::{Block, Chart, Section, Table};
use crate::gate::{figures, head};

/// Returns a chart for each metric, with two dots per round.
pub(super) fn rounds(outcome: &GateOutcome) -> Section {
    let metrics = outcome
        .decision
        .iter()
        .flat_map(|decision| &decision.metrics);
    let mut blocks: Vec<Block> = metrics
        .enumerate()
        .flat_map(|(index, result)| {
            let heading = Block::Heading(result.metric.name.clone());
            [heading, metric(index, result, &outcome.rounds)]
        })
        .collect();
    if blocks.is_empty() || outcome.rounds.is_empty() {
        blocks.insert(0, Block::Note("No round was judged.".to_owned()));
    }
    let lead = format!(
        "{}. Both builds are measured in the same seconds, so the machine affects both equally. Compare the \
         two dots of a round; the drift of the pairs is noise. Dotted lines mark restarts of the builds.",
        head::rounds(outcome)
    );
    Section::new("rounds", "Round by round", lead, blocks)
}

fn metric(index: usize, result: &MetricResult, rounds: &[RoundRecord]) -> Block {
    let metric = &result.metric;
    let pair = |round: &RoundRecord| round.metrics.get(&metric.name).copied();
    let pairs: Vec<Option<Pair<f64>>> = rounds.iter().map(pair).collect();
    let restarts = rounds.iter().enumerate();
    let restarts: Vec<usize> = restarts
        .filter(|(_, round)| round.restarted)
        .map(|(index, _)| index)
        .collect();
    let format = |value: f64| figures::value(&metric.unit, value);
    let measured = pairs.iter().enumerate();
    let measured = measured.filter(|(_, pair)| pair.is_some());
    let description = Description {
        at: measured.map(|(round, _)| round as f64 + 1.0).collect(),
        id: format!("rounds-{index}"),
        title: format!("{} by round", metric.name),
        text: format!(
            "Hollow dots are the baseline, filled dots the candidate. {} of {} rounds have a value.",
            format::count(pairs.iter().flatten().count() as u64),
            format::count(rounds.len() as u64)
        ),
    };
    let each = rounds.iter().zip(&pairs).enumerate();
    let rows = each.filter_map(|(index, (round, pair))| {
        let pair = (*pair)?;
        let ratio = pair.log_ratio(metric.floor);
        Some(vec![
            (index + 1).to_string(),
            format::significant(round.at_s),
            format(pair.baseline),
            format(pair.candidate),
            ratio.map_or_else(
                || figures::NOTHING.to_owned(),
                |ratio| format::change(ratio.exp_m1()),
            ),
        ])
    });
    let head = [
        "round",
        "start, s",
        "baseline",
        "candidate",
        "candidate / baseline",
    ];
    Chart::block(
        chart::rounds(&description, &pairs, &restarts, format),
        &[
            (Ink::Reads, "baseline (hollow)"),
            (Ink::Response, "candidate (filled)"),
        ],
        Table::new(&head, rows),
    )
}
