//! Stages with several boxes, on real components.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "helpers may panic and print like the tests that call them"
)]

mod alerts;
mod autoscaled;
mod balanced;
mod cached;
mod cdn;
mod chaos;
mod door;
mod load;
mod network;
mod operated;
mod partitioned;
mod parts;
mod polyglot;
mod run;
mod separated;
mod stage;
mod starting;
mod watched;
