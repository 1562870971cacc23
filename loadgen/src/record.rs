//! The record of a run: counts, histograms and time line, in memory and on disk.

mod abort_rule;
mod checkpoint;
mod feed;
mod feed_relay;
mod figures;
mod in_flight;
mod interval_set;
mod key_tally;
mod log_writer;
mod outcome;
mod progress;
mod progress_detail;
mod recorder;
mod request_tally;
mod shared_recorder;
mod stamps;
mod timeline_rows;
mod travel_log;

pub(crate) use abort_rule::{describe_abort, missed_rule};
pub use feed::{Feed, FeedReader, RequestSpan, RequestTotal, feed};
pub use feed_relay::FeedRelay;
pub(crate) use figures::SharedFigures;
pub(crate) use log_writer::LogWriter;
pub(crate) use outcome::Outcome;
pub use progress::{LatencyTotal, Percentiles, Progress};
pub use progress_detail::{ProgressDetail, missed_by_all};
pub(crate) use recorder::{Recorded, Recorder, Tally};
pub(crate) use shared_recorder::SharedRecorder;
pub(crate) use stamps::Stamps;
pub(crate) use timeline_rows::ROW_NS;
