//! Reports and exports of results. Formats the results of analysis; computes no statistics.
//!
//! - [`document::Document`] is the model of a report. [`document::Document::html`] renders it as a page without
//!   external resources, [`document::Document::terminal`] as text, [`document::Document::markdown`] as Markdown.
//! - [`run`], [`comparison`], [`index`], [`gate`], [`history`], [`knee`], [`diagnosis`], [`ladder`] and [`plan`] are the
//!   subjects of reports. A `page` has charts and all tables; a `digest` is for a terminal or a pull request.
//! - [`export`] writes files for other tools. [`run::formats`] and [`gate::formats`] list the formats.

mod chart;
pub mod comparison;
pub mod diagnosis;
pub mod document;
pub mod export;
mod finding;
mod flamegraph;
pub mod gate;
pub mod history;
mod html;
pub mod index;
pub mod knee;
pub mod ladder;
mod markdown;
pub mod plan;
pub mod run;
mod terminal;
mod trace_url;

pub use trace_url::{TraceUrl, TraceUrlError};
