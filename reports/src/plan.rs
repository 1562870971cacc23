//! The report of a plan.

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
    Document {
        origin: vec!["plan".to_owned()],
        title: format!(
            "{} users, {} writes and {} reads a month",
            short(plan.traffic.users),
            short(plan.traffic.writes_per_month),
            short(plan.traffic.reads_per_month)
        ),
        sections: vec![
            Section::new("quantities", "Quantities", "", vec![Block::Table(table)]),
            Section::new(
                "guide",
                "Conversion",
                "A month has 2.5 million seconds, 3.5% less than 30 days.",
                vec![Block::Table(guide)],
            ),
        ],
        ..Document::default()
    }
}
