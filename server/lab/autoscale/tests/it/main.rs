//! Tests of the formats against the programs and schemas that define them.

mod rules;
mod schemas;
