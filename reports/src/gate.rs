//! The report of a gate.

mod attachments;
mod cause;
mod comparison;
mod digest;
pub(crate) mod figures;
pub mod formats;
mod head;
mod rounds;
mod settings;

use tenfold_analysis::gate::GateOutcome;

use crate::document::{Block, Document};

pub use attachments::{Attachments, GateFlamegraphs};
pub use digest::digest;

/// Returns the whole report of a gate: the effects, their rounds, profiles of both builds, and the settings.
pub fn page(outcome: &GateOutcome, attachments: &Attachments) -> Document {
    let sections = [
        cause::cause(outcome, attachments),
        Some(rounds::rounds(outcome)),
        comparison::answers(outcome),
        comparison::memory(outcome),
        settings::calibration(outcome),
        Some(settings::settings(outcome)),
    ];
    let mut head = head::head(outcome);
    if let Some(decision) = &outcome.decision {
        head.opening.push(Block::Note(head::legend(decision)));
    }
    head.opening.extend(head::notes(outcome));
    head.reasons.extend(outcome.remarks.iter().cloned());
    Document {
        sections: sections.into_iter().flatten().collect(),
        ..head
    }
}
