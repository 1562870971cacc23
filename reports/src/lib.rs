//! HTML, terminal and JSON: formats what analysis returns, and computes no statistic of its own.
//!
//! - [`html::render`] makes `report.html`: one file with no outside address, readable with scripts off.
//! - [`terminal::render`] makes what a person reads when a run has ended.
//! - [`json::render`] makes `summary.json`.
//!
//! Both of the first have a `render_comparison` for several runs side by side.

mod chart;
mod flamegraph;
pub mod html;
pub mod json;
mod sentence;
mod shell;
pub mod terminal;
