//! The report of a plan.

use tenfold_analysis::format;
use tenfold_analysis::plan::{Plan, short};

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
