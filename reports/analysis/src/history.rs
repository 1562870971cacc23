//! History of gates and runs, and its change points.
//!
//! A gate detects the effect of one change. It misses ten changes that each cost a third of its limit;
//! [`trends`] finds them. A history is a text with one JSON object per line: [`parse`] reads it, and
//! [`HistoryEntry::line`] formats a gate or a run as a line.

mod entry;
mod parse;
mod trend;

pub use entry::{EntryKind, HISTORY_VERSION, HistoryEntry, HistoryMetric};
pub use parse::{Parsed, Problem, parse};
pub use trend::{Trend, TrendChange, TrendPoint, Trends, length_min, trends};
