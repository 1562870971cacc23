//! The simulation against closed forms, and samples of fleets against whole ones.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod closed_forms;
mod fleets;
mod knees;
