//! What users saw while a stage was broken on purpose.

use tenfold_analysis::{FaultEffect, FaultSummary, Summary, format};

use crate::document::{Block, Section, Table};

/// Lost writes that are named.
const LOST_SHOWN: usize = 20;

/// Returns the section. `None` if nothing was to be broken.
pub(super) fn section(summary: &Summary) -> Option<Section> {
    let faults = summary.faults.as_ref()?;
    Some(Section::new(
        "faults",
        "Faults",
        "What was broken on purpose, and what users saw of it until the next fault.",
        blocks(faults),
    ))
}

/// Returns the blocks of a short report.
pub(super) fn short(summary: &Summary) -> Vec<Block> {
    summary.faults.as_ref().map_or_else(Vec::new, blocks)
}

fn blocks(faults: &FaultSummary) -> Vec<Block> {
    let mut blocks = vec![Block::Text(writes(faults))];
    if let Some(writes) = &faults.writes
        && !writes.lost.is_empty()
    {
        blocks.push(Block::List(
            writes.lost.iter().take(LOST_SHOWN).cloned().collect(),
        ));
    }
    match faults.faults.is_empty() {
        true => blocks.push(Block::Note("Nothing was broken.".to_owned())),
        false => blocks.push(Block::Table(table(faults))),
    }
    blocks
}

fn writes(faults: &FaultSummary) -> String {
    let seed = format!("The faults have seed {}.", faults.seed);
    let Some(writes) = &faults.writes else {
        return format!("{seed} The acknowledged writes were not read back.");
    };
    let lost = match writes.lost.len() {
        0 => "none was lost".to_owned(),
        lost => format!("{lost} were lost"),
    };
    let unread = match writes.unread {
        0 => String::new(),
        unread => format!(", and {} could not be read", format::count(unread)),
    };
    format!(
        "{seed} {} writes were acknowledged; {lost}{unread}.",
        format::count(writes.count)
    )
}

fn table(faults: &FaultSummary) -> Table {
    let rows = faults.faults.iter().map(row);
    let head = [
        "broken",
        "at",
        "gone for",
        "up again",
        "failed or dropped",
        "too slow",
        "no read for",
        "no write for",
    ];
    Table::new(&head, rows)
}

fn row(effect: &FaultEffect) -> Vec<String> {
    let fault = &effect.fault;
    let seconds = |ns: u64| format!("{:.1} s", ns as f64 / 1e9);
    let since = |at: Option<u64>| at.map(|at| seconds(at.saturating_sub(fault.at_ns)));
    let gap = |gap_s: f64| match gap_s > 0.0 {
        true => format!("{gap_s:.0} s"),
        false => "under 1 s".to_owned(),
    };
    vec![
        fault.victim.clone(),
        seconds(fault.at_ns),
        since(fault.repaired_ns).unwrap_or_else(dash),
        match (&fault.error, since(fault.up_ns)) {
            (Some(error), _) => error.clone(),
            (None, Some(up)) => format!("after {up}"),
            (None, None) => dash(),
        },
        format!(
            "{} of {}",
            format::count(effect.lost),
            format::count(effect.ended)
        ),
        effect.slow.map_or_else(dash, format::count),
        gap(effect.without_reads_s),
        gap(effect.without_writes_s),
    ]
}

fn dash() -> String {
    "–".to_owned()
}
