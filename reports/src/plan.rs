//! The report of a plan.

mod simulated;

use tenfold_analysis::format;
use tenfold_analysis::plan::{Latency, Operation, Plan, short};

use crate::document::{Block, Document, Section, Table};

/// Returns the quantities of a plan with their arithmetic, and the guide to convert by.
pub fn page(plan: &Plan) -> Document {
    let rows = plan.quantities.iter().map(|own| {
        vec![
            own.title.to_owned(),
            own.text.clone(),
            own.arithmetic.clone(),
        ]
    });
    let table = Table::new(&["quantity", "value", "arithmetic"], rows);
    let guide = Table::new(
        &["per second", "per month"],
        [
            ["1", "2.5 million"],
            ["40", "100 million"],
            ["400", "1 billion"],
        ]
        .map(|row| row.map(str::to_owned).to_vec()),
    );
    let mut sections = vec![
        Section::new("quantities", "Quantities", "", vec![Block::Table(table)]),
        Section::new(
            "guide",
            "Conversion",
            "A month has 2.5 million seconds, 3.5% less than 30 days.",
            vec![Block::Table(guide)],
        ),
    ];
    sections.extend(fleets(plan));
    sections.extend(simulated::sections(plan));
    sections.extend(latencies(plan));
    Document {
        origin: vec!["plan".to_owned()],
        title: format!(
            "{} users, {} writes and {} reads a month",
            short(plan.traffic.users),
            short(plan.traffic.writes_per_month),
            short(plan.traffic.reads_per_month)
        ),
        sections,
        ..Document::default()
    }
}

/// Returns the fleets. `None` without a ladder.
fn fleets(plan: &Plan) -> Option<Section> {
    let rows = plan.fleets.iter().map(|fleet| {
        let boxes = fleet
            .boxes
            .iter()
            .map(|(role, number)| format!("{} {role}", format::count(*number)));
        vec![
            fleet.step.clone(),
            format::rate(fleet.sustained),
            format::count(fleet.copies),
            match fleet.boxes.is_empty() {
                true => "–".to_owned(),
                false => boxes.collect::<Vec<_>>().join(", "),
            },
            match (fleet.price_month, &fleet.currency) {
                (Some(price), Some(currency)) => {
                    format!("{} {currency}", format::count(price.round() as u64))
                }
                _ => "–".to_owned(),
            },
            fleet.arithmetic.clone(),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    let table = Table::new(
        &[
            "step",
            "sustained",
            "copies",
            "boxes",
            "a month",
            "arithmetic",
        ],
        rows,
    );
    Some(Section::new(
        "fleets",
        "Fleets",
        "Copies of each step of the ladder that the peak needs. Each copy serves a part of the users and stores their data.",
        vec![Block::Table(table)],
    ))
}

/// Returns the times of elementary operations. `None` if they were not measured.
fn latencies(plan: &Plan) -> Option<Section> {
    let memory = |of: fn(&Latency) -> Option<u64>| {
        let mut memory = plan.latencies.iter();
        memory
            .find(|own| own.operation == Operation::Memory)
            .and_then(of)
    };
    let ratio = |time: Option<u64>, memory: Option<u64>| match (time, memory) {
        (Some(time), Some(memory)) if memory > 0 => {
            format!("{}x", format::significant(time as f64 / memory as f64))
        }
        _ => "–".to_owned(),
    };
    let time = |ns: Option<u64>| ns.map_or("–".to_owned(), format::duration);
    let rows = plan.latencies.iter().map(|own| {
        vec![
            own.operation.title().to_owned(),
            time(own.median_ns),
            time(own.p99_ns),
            ratio(own.median_ns, memory(|own| own.median_ns)),
            time(own.rule_of_thumb_ns),
            ratio(own.rule_of_thumb_ns, memory(|own| own.rule_of_thumb_ns)),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return None;
    }
    let heads = [
        "operation",
        "median",
        "p99",
        "of memory",
        "rule of thumb",
        "of memory",
    ];
    let missing = plan.latencies.iter().filter_map(|own| {
        let reason = own.missing.as_ref()?;
        Some(format!("{}: not measured: {reason}", own.operation.title()))
    });
    let missing: Vec<String> = missing.collect();
    let mut blocks = vec![Block::Table(Table::new(&heads, rows))];
    if !missing.is_empty() {
        blocks.push(Block::List(missing));
    }
    Some(Section::new(
        "latencies",
        "Times of this machine",
        "One operation at a time. The disk reads a new file past the kernel's cache; a cache of the disk, or of a virtual machine's host, may \
         still answer. The row is read through the reference service's store.",
        blocks,
    ))
}
