//! JSON Schema of the scenario format, for editors.
//!
//! The parser is written by hand for the sake of its messages, so the schema can't be derived from it
//! (ADR 30). It is the file `scenario.schema.json`. Tests keep both in step: they compare the fields
//! of every table with those that the parser reads, and fail if the schema refuses what the parser
//! accepts.
//!
//! To add a field, add a line with its type and description to the `properties` of its table in that
//! file. For a new table, add a definition, and use it in a scenario that the test reads: in the
//! library, the examples, `tests/fixture` or a block of `docs/scenarios.md`.

/// JSON Schema (draft 7) of the scenario format.
pub const SCENARIO_SCHEMA: &str = include_str!("../scenario.schema.json");

#[cfg(test)]
mod tests;
