//! Stages with several boxes, on real components.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a helper of tests fails as they do, and tells what they see"
)]

mod balanced;
mod cached;
mod load;
mod network;
mod run;
mod separated;
mod stage;
