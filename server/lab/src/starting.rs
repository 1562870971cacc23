//! Boxes that start: how far they are, and when to give up on one.
//!
//! A box may take as long as it needs while it makes progress: it reports a new figure, its data grows, or its log
//! has a line of a kind that it had not before. A box without progress for a while has failed.

mod data_size;
mod log_lines;
pub(crate) mod progress;
pub(crate) mod progress_source;
pub(crate) mod start_watch;
