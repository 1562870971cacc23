//! Decision to continue or stop after a round.

use serde::{Deserialize, Serialize};

use crate::gate::decision::{Decision, decide};
use crate::gate::plan::Plan;
use crate::gate::round::Round;
use crate::gate::verdict::GateVerdict;

/// Decision to continue or stop after a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// More rounds are needed.
    Continue {
        /// Number of rounds at the next look.
        until_rounds: usize,
    },
    /// The verdict is final, or there are no more looks.
    Stop(Box<Decision>),
}

/// Decides whether to continue. Judges only at planned looks. Stops as soon as the verdict is pass or fail, and
/// at the last look with any verdict.
pub fn next(rounds: &[Round], plan: &Plan) -> Next {
    let reached = rounds.len();
    let coming = plan.looks().iter().find(|look| look.rounds > reached);
    let until_rounds = coming.map(|look| look.rounds);
    let at_a_look = plan.looks().iter().any(|look| look.rounds == reached);
    if let Some(until_rounds) = until_rounds
        && !at_a_look
    {
        return Next::Continue { until_rounds };
    }
    let decision = decide(rounds, plan);
    match until_rounds {
        Some(until_rounds) if decision.verdict == GateVerdict::Inconclusive => {
            Next::Continue { until_rounds }
        }
        _ => Next::Stop(Box::new(decision)),
    }
}
