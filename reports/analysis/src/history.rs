//! A history of gates and runs, and where it changed.
//!
//! One gate sees what one change did. What ten changes did by a third of its limit each, no gate sees;
//! [`trends`] does. A history is a text of one JSON object a line: [`parse`] reads it, and
//! [`HistoryEntry::line`] makes a line of what came of a gate or a run.

mod entry;
mod parse;
mod trend;

pub use entry::{EntryKind, HISTORY_VERSION, HistoryEntry, HistoryMetric};
pub use parse::{Parsed, Problem, parse};
pub use trend::{Trend, TrendChange, TrendPoint, Trends, least_length, trends};
