//! Integration tests of scenarios: one binary, a module a subject.

mod arrivals;
mod determinism;
mod docs;
mod journeys;
mod library;
mod messages;
mod overrides;
mod pairs;
mod parser;
mod phase_ends;
mod phase_rules;
mod popularity;
mod rendering;
mod schema;
mod shares;
mod support;
