//! Alerts that fired during a run.

use tenfold_analysis::Summary;
use tenfold_run_dir::incident::Incident;

use crate::document::{Block, Section, Table};

/// Returns the section. `None` if no alert fired.
pub(super) fn section(summary: &Summary) -> Option<Section> {
    let table = short(summary)?;
    Some(Section::new(
        "incidents",
        "Incidents",
        "Alerts that fired. Their runbooks say what to look at and what to do.",
        vec![Block::Table(table)],
    ))
}

/// Returns the alerts as a table. `None` if none fired.
pub(super) fn short(summary: &Summary) -> Option<Table> {
    let rows = summary.incidents.iter().map(|own| {
        vec![
            named(own),
            format!("{:.1} s", own.fired_ns as f64 / 1e9),
            match own.resolved_ns {
                Some(ended) => format!("{:.1} s", (ended - own.fired_ns) as f64 / 1e9),
                None => "until the end".to_owned(),
            },
            own.summary.clone().unwrap_or_default(),
            own.runbook.clone().unwrap_or_default(),
        ]
    });
    let table = Table::new(&["alert", "fired at", "lasted", "summary", "runbook"], rows);
    (!table.rows.is_empty()).then_some(table)
}

fn named(own: &Incident) -> String {
    let labels: Vec<String> = own
        .labels
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    match labels.is_empty() {
        true => own.alert.clone(),
        false => format!("{}: {}", own.alert, labels.join(", ")),
    }
}
