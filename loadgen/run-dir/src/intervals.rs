//! The interval log, `intervals.hlog`: writer, readers and fold.

mod columns;
mod counted_columns;
mod fold;
mod interval_group;
mod interval_histogram;
mod lag_peaks;
mod merged;
mod reader;
mod series;
mod step_sums;
mod tail;
mod time_columns;
mod writer;

pub use columns::Columns;
pub use counted_columns::CountedColumns;
pub use fold::IntervalFold;
pub use interval_group::{IntervalGroup, interval_groups, nearest_second};
pub use interval_histogram::IntervalHistogram;
pub use lag_peaks::LagPeaks;
pub use merged::merge_intervals;
pub use reader::Intervals;
pub(crate) use reader::TIME_NS_MAX;
pub use series::{Metric, Series};
pub use step_sums::StepSums;
pub use tail::IntervalTail;
pub use writer::IntervalLog;
