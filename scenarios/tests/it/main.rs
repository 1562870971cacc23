//! Integration tests of scenarios: one binary, a module a subject.

mod access_log;
mod arrivals;
mod determinism;
mod docs;
mod har;
mod journeys;
mod library;
mod messages;
mod overrides;
mod pairs;
mod parser;
mod popularity;
mod record;
mod rendering;
mod support;
