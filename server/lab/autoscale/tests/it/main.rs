//! Tests of the formats against the programs and schemas that define them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers may panic and print like the tests that call them"
)]

mod rules;
mod schemas;
