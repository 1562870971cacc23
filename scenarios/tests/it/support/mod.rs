//! Helpers shared by the tests.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "for tests, each of which uses the part that it needs"
)]

use tenfold_scenarios::{LastResponse, Scenario, Step};

/// Returns the first steps of a user of a closed model whose responses have no effect.
pub(crate) fn steps(scenario: &Scenario, user: u64, count: usize) -> Vec<Step> {
    let Some(mut walk) = scenario.journey_walk(user) else {
        return Vec::new();
    };
    let mut variables = scenario.variables();
    let mut steps = Vec::new();
    // A journey may have no step for such a user.
    for _ in 0..count {
        walk.begin(&mut variables);
        while let Ok(Some(step)) = walk.next_step(&variables, LastResponse::default()) {
            steps.push(step);
            if steps.len() == count {
                return steps;
            }
        }
    }
    steps
}
