//! The report of a gate: one file with no outside address, readable with scripts off.

mod cause;
mod first_screen;
mod further;
mod rounds;

use maud::{Markup, html};
use tenfold_analysis::gate::GateOutcome;

use crate::gate::beside::Beside;
use crate::html::page;

/// Renders the report of a gate: the verdict with its effects first, then the rounds they come from, then
/// what else was compared, where the difference comes from, and what was asked.
///
/// The page holds no script and loads nothing; every text from the scenario or the service is escaped.
pub fn render(outcome: &GateOutcome, beside: &Beside) -> String {
    let body: Markup = html! {
        (first_screen::first_screen(outcome))
        main id="evidence" {
            (cause::cause(outcome, beside))
            (rounds::rounds(outcome))
            (further::answers(outcome))
            (further::memory(outcome))
            (further::calibration(outcome))
            (further::settings(outcome))
        }
    };
    let title = format!("gate · {} · {}", outcome.scenario, outcome.started_at);
    page::page(&title, &body)
}
