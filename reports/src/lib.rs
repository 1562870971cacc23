//! HTML, terminal, JSON and what else a run is exported as: formats what analysis returns, and computes no statistic of its own.
//!
//! - [`html::render`] makes `report.html`: one file with no outside address, readable with scripts off.
//! - [`terminal::render`] makes what a person reads when a run has ended.
//! - [`json::render`] makes `summary.json`.
//! - [`export`] writes files for other tools; there is a module for each format.
//! - [`gate`] writes what came of a gate, and [`history`] a history of gates and runs; there is a module
//!   for each format.
//! - [`document::Document`] is a page of tables and curves that is of no single run.
//!
//! [`html`] and [`terminal`] have a `render_comparison` for several runs side by side.

mod chart;
mod connections;
pub mod csv;
pub mod document;
pub mod export;
mod flamegraph;
pub mod gate;
pub mod hgrm;
pub mod history;
pub mod hlog;
pub mod html;
pub mod json;
pub mod junit;
pub mod k6_summary;
pub mod markdown;
pub mod openmetrics;
mod sentence;
mod shell;
pub mod terminal;
